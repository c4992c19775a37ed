"""D-FINE and RT-DETR as transformers builds them: our detections are those of transformers.

With random weights, exported to ONNX: what is compared is the way from a picture to boxes. Needs
dataflux[export]: `make test-export`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analyzers.api import Segment
from analyzers.embedding import pixels
from analyzers.image.objects import ObjectsAnalyzer
from analyzers.models.brought import add, own
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from tests.analyzers.files import encoded
from tests.models import architectures

pytestmark = pytest.mark.export

MANIFEST = """{{"name": "{name}", "kind": "detector", "license": "Apache-2.0",
 "image": {{"file": "model.onnx", "size": {side}, "resize": "squash", "filter": "bilinear",
  "mean": [0, 0, 0], "std": [1, 1, 1]}},
 "objects": {{"labels": "coco-80", "threshold": {threshold}}}, "files": ["model.onnx"]}}"""


def picture() -> Image.Image:
    rng = np.random.default_rng(4)
    small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((400, 300), Image.Resampling.BICUBIC)


def exported(model: Any, folder: Path, side: int) -> None:
    import torch

    class Answers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> tuple[Any, Any]:
            found = self.model(pixel_values=pixel_values)
            return found.logits, found.pred_boxes

    torch.onnx.export(
        Answers().eval(), (torch.rand(1, 3, side, side),), str(folder / "model.onnx"),
        dynamo=False, opset_version=17, input_names=["pixel_values"],
        output_names=["logits", "pred_boxes"],
    )  # fmt: skip


def between(logits: Any) -> float:
    """Return a threshold that about a dozen scores pass, none of them narrowly."""
    scores = logits.sigmoid().flatten().sort().values.numpy()
    steps = np.diff(scores[-16:-7])
    at = int(steps.argmax())
    return float(scores[-16 + at] + steps[at] / 2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["dfine", "rtdetr"])
def test_the_way_from_a_picture_to_boxes_is_that_of_transformers(name: str, tmp_path: Path) -> None:
    """Its processor by Pillow is what the authors use; that by torchvision rounds differently."""
    import torch
    from transformers import RTDetrImageProcessor, RTDetrImageProcessorPil

    torch.manual_seed(8)
    side, model = architectures.SIDE, getattr(architectures, name)()
    exported(model, tmp_path, side)
    inputs, other = (
        processor(size={"height": side, "width": side})(images=picture(), return_tensors="pt")
        for processor in (RTDetrImageProcessorPil, RTDetrImageProcessor)
    )
    with torch.no_grad():
        answers = model(pixel_values=inputs["pixel_values"])
    threshold = between(answers.logits)
    (wanted,) = RTDetrImageProcessorPil().post_process_object_detection(
        answers, threshold=threshold, target_sizes=[(1, 1)]
    )

    manifest = MANIFEST.format(name=name, side=side, threshold=threshold)
    (tmp_path / "model.json").write_text(manifest)
    store = ModelStore(tmp_path / "store")
    add(store, own(name, tmp_path), tmp_path)
    ours, how = ObjectsAnalyzer(store, store.get(name), Runtime("cpu")), store.get(name).image
    keyframe = encoded(picture(), "PNG")
    prepared = ours.prepare(Segment("image", {}, {}, renditions={"keyframe": keyframe}))
    assert how is not None
    assert prepared is not None

    ready = pixels.normalized([prepared[: pixels.length(how)]], how)
    off, other_off = (
        255 * float(np.abs(ready - each["pixel_values"].numpy()).max()) for each in (inputs, other)
    )
    graph = ours._graph.answers({"pixel_values": ready}, ["logits", "pred_boxes"])
    torches = (answers.logits.numpy(), answers.pred_boxes.numpy())
    logits, boxes = (float(np.abs(g - t).max()) for g, t in zip(graph, torches, strict=True))
    print(
        f"{name}: pixels differ by {off:.1e} of 255 (of torchvision's by {other_off:.1f}),"
        f" ONNX from torch by {logits:.1e} in logits, {boxes:.1e} in boxes"
    )
    assert off < 1e-3
    assert logits < 2e-3
    assert boxes < 1e-4

    found = ours.detections(prepared)
    assert [thing.kind for thing in found] == wanted["labels"].tolist()
    assert [thing.score for thing in found] == pytest.approx(wanted["scores"].numpy(), abs=1e-3)
    for thing, box in zip(found, wanted["boxes"].clip(0, 1).tolist(), strict=True):
        assert thing.box == pytest.approx(box, abs=1e-4)
    assert len(found) >= 7
