"""Faces: read as OpenCV reads the same graph; placed in the picture; nothing of whose they are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from analyzers.api import Segment
from analyzers.image.faces import FacesAnalyzer
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from tests.analyzers.files import encoded

GRAPH = Path(__file__).parents[2] / "models/tiny-faces/model.onnx"
SIDE = 160


@pytest.fixture(scope="module")
def faces(seeing_store: ModelStore) -> FacesAnalyzer:
    return FacesAnalyzer(seeing_store, seeing_store.get("tiny-faces"), Runtime("cpu"))


def spotted(size: tuple[int, int], *spots: tuple[int, int, int]) -> Image.Image:
    """Return a picture with red spots (x, y, radius): the tiny model takes those for faces."""
    image = Image.new("RGB", size, (40, 60, 90))
    canvas = ImageDraw.Draw(image)
    for x, y, radius in spots:
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(230, 30, 30))
    return image


def shown(image: Image.Image) -> Segment:
    place = {"xywh": [0, 0, 100, 100]}
    return Segment("image", place, place, key="s", renditions={"keyframe": encoded(image, "PNG")})


@pytest.mark.parametrize("seed", range(4))
def test_they_are_those_of_opencv(faces: FacesAnalyzer, seed: int) -> None:
    """FaceDetectorYN on the same graph: the same faces, in the same order."""
    import cv2

    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    peer = cv2.FaceDetectorYN.create(str(GRAPH), "", (SIDE, SIDE), 0.6, 0.3, 5000)
    _, wanted = peer.detect(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
    assert wanted is not None
    found = faces.detections(faces.prepare(shown(image)) or b"")
    assert len(found) == len(wanted) > 2
    for face, row in zip(found, wanted, strict=True):
        x, y, width, height = row[:4]
        corners = np.array([x, y, x + width, y + height]).clip(0, SIDE) / SIDE
        assert face.box == pytest.approx(corners, abs=2e-3)
        assert face.score == pytest.approx(row[14], abs=1e-4)


def test_a_face_is_a_box_in_the_picture_whatever_its_proportions(faces: FacesAnalyzer) -> None:
    found = faces.analyze_segment(shown(spotted((640, 200), (480, 100, 60))), {})
    assert found is not None
    best = max(found.segments, key=lambda segment: segment.confidence)
    left, top, width, height = best.start_marker["xywh"]
    assert left < 100 * 480 / 640 < left + width
    assert top < 50 < top + height
    assert found.features == {"visual": {"faces": {"count": len(found.segments)}}}


def test_nothing_is_said_of_who_it_is(faces: FacesAnalyzer) -> None:
    found = faces.analyze_segment(shown(spotted((320, 320), (100, 100, 40))), {})
    assert found is not None
    for segment in found.segments:
        assert (segment.type, segment.texts, segment.features) == ("face", [], {})
        assert set(segment.start_marker) == {"xywh"}


def test_no_faces_no_answer(faces: FacesAnalyzer) -> None:
    assert faces.analyze_segment(shown(spotted((320, 240))), {}) is None


def test_they_are_looked_for_only_if_asked(seeing_store: ModelStore) -> None:
    def ids(face_model: str = "off") -> list[str]:
        return Registry.load(models=Selection(seeing_store, face_model=face_model)).analyzer_ids(
            ["faces"]
        )

    assert "faces@1" not in ids()
    assert "faces@1" in ids(face_model="auto")
    asked = Registry.load(models=Selection(seeing_store, face_model="tiny-faces"))
    assert "faces@1" not in asked.analyzer_ids()
