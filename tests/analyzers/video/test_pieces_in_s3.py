"""A film in a bucket, in pieces that sealed children read by ranges, has the scenes of one."""

import io
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from analyzers.api import Range, Segment
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from analyzers.video.pieces import LENGTH_S
from analyzers.video.segmenter import VideoSegmenter
from tests.analyzers.video.films import film, scenes
from tests.fixtures.s3 import new_store

RATE = 5
LENGTHS = (40, 70, 88, 4, 60, 100, 78)
"""Pictures of each scene: the third goes on over the seam at 40 s, two begin just around it."""


@cache
def _film(container: str) -> bytes:
    frames = scenes(*LENGTHS)
    times = [n * 1000 // RATE for n in range(len(frames))]
    return film(frames, container=container, times=times, gop=RATE * 2)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(Registry(("analyzers.video.segmenter:VideoSegmenter",)))
    yield made
    made.close()


def _scenes(segments: list[Segment]) -> list[tuple[float, float]]:
    return [(s.start_marker["time"], s.end_marker["time"]) for s in segments if s.type == "scene"]


def _whole(data: bytes) -> list[tuple[float, float]]:
    analyzer = VideoSegmenter()
    analyzer.load()
    found = analyzer.extract_segments(io.BytesIO(data), {})
    return _scenes([item for item in found if isinstance(item, Segment)])


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_no_seam_is_left(moto: str, sandbox: Sandbox, container: str) -> None:
    data, objects, analyzer = _film(container), new_store(moto), VideoSegmenter()
    objects.put("film", data)
    with objects.open("film") as source:
        found = sandbox.identify(source)
        assert [piece.start for piece in found.pieces] == [0.0, LENGTH_S]
        parts = [_part(sandbox, source, piece) for piece in found.pieces]
    joined, whole = _scenes(analyzer.stitch(parts)), _whole(data)
    assert len(joined) == len(whole) == len(LENGTHS)
    assert sum(joined, ()) == pytest.approx(sum(whole, ()), abs=1 / RATE)
    for (_, end), (start, _) in pairwise(joined):
        assert start == pytest.approx(end, abs=1 / RATE)


def _part(sandbox: Sandbox, source: Any, piece: Range) -> list[Segment]:
    found = sandbox.extract(source, VideoSegmenter.spec.id, piece, {})
    return [item for item in found if isinstance(item, Segment)]


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_planning_does_not_read_a_film_through(container: str) -> None:
    data = _film(container)
    file = Counting(data)
    assert len(VideoSegmenter().plan_pieces(file, {})) == 2
    assert file.count < 0.75 * len(data)  # a pass over the packets reads all of it
