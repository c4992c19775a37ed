"""PySceneDetect's detectors find the cuts of a film, piece by piece as in one."""

import io

import pytest

from analyzers.api import Segment
from analyzers.video import pieces
from analyzers.video.pyscenedetect import DETECTORS, PySceneDetectSegmenter
from tests.analyzers.video.films import RATE, film, scenes

LENGTHS = (50, 40, 45, 60)
CUTS = [sum(LENGTHS[:n]) / RATE for n in range(len(LENGTHS))]


@pytest.mark.parametrize("detector", [name for name in DETECTORS if name != "hash"])
def test_each_detector_finds_the_cuts(detector: str) -> None:
    found = [
        item.start_marker["time"]
        for item in PySceneDetectSegmenter().extract_segments(
            io.BytesIO(film(scenes(*LENGTHS))), {"scenes": detector}
        )
        if isinstance(item, Segment)
    ]
    assert found == pytest.approx(CUTS, abs=1 / RATE + 0.001)


def test_pieces_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 2.0)
    data, analyzer = film(scenes(*LENGTHS), gop=25), PySceneDetectSegmenter()
    ranges = analyzer.plan_pieces(io.BytesIO(data), {})
    assert len(ranges) > 1
    parts = [
        [
            item
            for item in analyzer.extract_segments(io.BytesIO(data), {"piece": piece})
            if isinstance(item, Segment)
        ]
        for piece in ranges
    ]
    joined = analyzer.stitch(parts)
    assert [s.start_marker["time"] for s in joined] == pytest.approx(CUTS, abs=1 / RATE + 0.001)
