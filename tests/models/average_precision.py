"""How well a detector finds what is there, by the yardstick of COCO."""

import contextlib
import io
from collections.abc import Sequence

from analyzers.image.detections import Detection
from tests.models.scenes import Box, Scene
from tests.models.shapes import SHAPES

PIXELS = 256


def average_precision(
    scenes: Sequence[Scene], found: Sequence[Sequence[Detection]]
) -> tuple[float, float]:
    """Return the mean average precision at overlaps of 0.5 to 0.95, and at 0.5."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = [
        {"image_id": at, "category_id": SHAPES.index(thing.shape), **_box(thing.box)}
        for at, scene in enumerate(scenes)
        for thing in scene.things
    ]
    seen = [
        {"image_id": at, "category_id": thing.kind, "score": thing.score, **_box(thing.box)}
        for at, things in enumerate(found)
        for thing in things
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = {
            "info": {},
            "images": [{"id": at} for at in range(len(scenes))],
            "categories": [{"id": at, "name": name} for at, name in enumerate(SHAPES)],
            "annotations": [
                {"id": at, "iscrowd": 0, **each} for at, each in enumerate(truth, start=1)
            ],
        }
        known.createIndex()
        judged = COCOeval(known, known.loadRes(seen), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return float(judged.stats[0]), float(judged.stats[1])


def _box(box: Box) -> dict[str, object]:
    left, top, right, bottom = (PIXELS * value for value in box)
    width, height = right - left, bottom - top
    return {"bbox": [left, top, width, height], "area": width * height}
