"""Objects: a detector that truly detects, from the keyframe to regions with labels."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analyzers.api import Segment
from analyzers.image.objects import ObjectsAnalyzer
from analyzers.models.manifest import Model
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from analyzers.sandbox import Sandbox
from dataflux.errors import Invalid, MediaFailed
from tests.analyzers.files import encoded
from tests.models.average_precision import average_precision
from tests.models.scenes import Scene, scene
from tests.models.shapes import SHAPES

UNSEEN = 20_261


@pytest.fixture(scope="module")
def objects(seeing_store: ModelStore) -> ObjectsAnalyzer:
    return ObjectsAnalyzer(seeing_store, seeing_store.get("tiny-objects"), Runtime("cpu"))


def shown(drawn: Scene, kind: str = "image", **marker: Any) -> Segment:
    data = encoded(drawn.image, quality=90)
    return Segment(kind, dict(marker), dict(marker), key="s", renditions={"keyframe": data})


def test_it_detects_what_it_has_never_seen(
    objects: ObjectsAnalyzer, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(UNSEEN)
    scenes = [scene(rng) for _ in range(100)]
    found = [objects.detections(objects.prepare(shown(each)) or b"") for each in scenes]
    whole, half = average_precision(scenes, found)
    record_property("mAP", f"{whole:.3f} (at an overlap of 0.5: {half:.3f})")
    print(f"mAP {whole:.3f}, at an overlap of 0.5 {half:.3f}, of 100 unseen pictures")
    assert half > 0.95
    assert whole > 0.85


def test_boxes_are_segments_with_a_label_and_a_confidence(objects: ObjectsAnalyzer) -> None:
    drawn = scene(random.Random(UNSEEN + 3))
    found = objects.analyze_segment(shown(drawn, xywh=[0, 0, 100, 100]), {})
    assert found is not None
    assert sorted(s.features["visual"]["object"]["label"] for s in found.segments) == sorted(
        thing.shape for thing in drawn.things
    )
    for thing in drawn.things:
        boxes = [
            segment.start_marker["xywh"]
            for segment in found.segments
            if segment.features["visual"]["object"]["label"] == thing.shape
        ]
        left, top, right, bottom = (100 * value for value in thing.box)
        wanted = [left, top, right - left, bottom - top]
        assert any(box == pytest.approx(wanted, abs=4) for box in boxes)
    assert {(s.type, s.parent) for s in found.segments} == {("object", "s")}
    assert all(0.4 < segment.confidence <= 1 for segment in found.segments)
    assert found.model == objects.spec.model
    assert found.model is not None
    assert found.model.startswith("tiny-objects#")


def test_a_crowd_says_its_word_once(objects: ObjectsAnalyzer) -> None:
    rng = random.Random(UNSEEN + 4)
    crowd = next(
        drawn
        for drawn in iter(lambda: scene(rng), None)
        if max(sum(t.shape == shape for t in drawn.things) for shape in SHAPES) >= 3
    )
    found = objects.analyze_segment(shown(crowd), {})
    assert found is not None
    said = [text.body for segment in found.segments for text in segment.texts]
    facts = found.features["visual"]["objects"]
    assert sorted(said) == sorted(facts["labels"]) == sorted(facts["counts"])
    assert sum(facts["counts"].values()) == len(found.segments) > len(said)


def test_in_a_film_and_on_a_page_a_box_keeps_its_place(objects: ObjectsAnalyzer) -> None:
    drawn = scene(random.Random(UNSEEN + 5))
    of_film = objects.analyze_segment(shown(drawn, "scene", time=12.5), {})
    of_page = objects.analyze_segment(shown(drawn, page=3, xywh=[50, 50, 20, 20]), {})
    assert of_film is not None
    assert of_page is not None
    assert {s.start_marker["time"] for s in of_film.segments} == {12.5}
    for segment in of_page.segments:
        left, top, width, height = segment.start_marker["xywh"]
        assert segment.start_marker["page"] == 3
        assert 50 <= left < left + width <= 70.01
        assert 50 <= top < top + height <= 70.01


def test_the_sealed_child_prepares_and_this_process_detects(seeing_store: ModelStore) -> None:
    registry = Registry(
        ("analyzers.image.objects:ObjectsAnalyzer#tiny-objects",), store=seeing_store
    )
    sandbox = Sandbox(registry)
    try:
        picture = shown(scene(random.Random(UNSEEN + 6)))
        broken = Segment("image", {}, {}, key="b", renditions={"keyframe": b"\xff\xd8\xff no"})
        found = {key: result for key, _, result in sandbox.analyze(
            [picture, broken], ["objects"], {})}  # fmt: skip
    finally:
        sandbox.close()
    assert isinstance(found["b"], MediaFailed)
    assert not isinstance(found["s"], MediaFailed)
    assert found["s"].segments


def test_what_no_child_could_have_prepared_is_refused(objects: ObjectsAnalyzer) -> None:
    with pytest.raises(MediaFailed, match="another size"):
        objects.detections(b"short")
    blank = bytes(128 * 128 * 3)
    with pytest.raises(MediaFailed, match="larger than its square"):
        objects.detections(blank + b"\xff\xff\x01\x00")


def test_a_manifest_with_other_labels_is_named(seeing_store: ModelStore) -> None:
    model = seeing_store.get("tiny-objects")
    assert model.objects is not None
    fewer = model.model_copy(
        update={"objects": model.objects.model_copy(update={"labels": SHAPES[:2]})}
    )
    wrong = ObjectsAnalyzer(seeing_store, fewer, Runtime("cpu"))
    with pytest.raises(MediaFailed, match="names 2 labels"):
        wrong.detections(wrong.prepare(shown(scene(random.Random(1)))) or b"")


@pytest.mark.parametrize(
    ("wanted", "model"), [("auto", True), ("tiny-objects", True), ("off", False)]
)
def test_settings_choose(seeing_store: ModelStore, wanted: str, model: bool) -> None:
    chosen = Registry.load(models=Selection(seeing_store, object_model=wanted))
    assert ("objects" in [a.spec.name for a in chosen.all]) is model
    assert "faces" not in [a.spec.name for a in chosen.all]


def test_a_detector_that_is_not_here_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"DATAFLUX_OBJECT_MODEL is 'dfine-s'.*pull dfine-s"):
        Registry.load(models=Selection(ModelStore(tmp_path), object_model="dfine-s"))


def test_a_manifest_may_name_a_known_list_of_labels(seeing_store: ModelStore) -> None:
    raw = seeing_store.get("tiny-objects").model_dump()
    raw["objects"]["labels"] = "coco-80"
    made = Model.model_validate(raw)
    assert made.objects is not None
    assert (len(made.objects.labels), made.objects.labels[16]) == (80, "dog")
