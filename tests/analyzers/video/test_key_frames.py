"""The index of key frames: where a decoder can begin."""

import io
import json
from collections.abc import Sequence
from typing import Any

import av
import pytest

from analyzers.api import Artifact, Range
from analyzers.video import key_frames, pieces
from analyzers.video.segmenter import VideoSegmenter
from tests.analyzers.video.films import film, scenes


def opened(data: bytes) -> Any:
    return av.open(io.BytesIO(data))


def indexed(data: bytes, ranges: Sequence[Range | None], mode: str = "exact") -> list[list[float]]:
    analyzer = VideoSegmenter()
    config = {"scenes": mode}
    found = [
        item
        for piece in ranges
        for item in analyzer.extract_segments(io.BytesIO(data), config | {"piece": piece})
        if isinstance(item, Artifact)
    ]
    (whole,) = key_frames.joined(found)
    rows: list[list[float]] = json.loads(whole.data)["key_frames"]
    return rows


def expected(data: bytes) -> list[list[float]]:
    with opened(data) as container:
        return [
            [float(p.pts * p.time_base), p.pos, p.size]
            for p in container.demux(video=0)
            if p.is_keyframe and p.pts is not None
        ]


@pytest.mark.parametrize("container", ["mp4", "matroska"])
@pytest.mark.parametrize("mode", ["exact", "fast", "compressed"])
def test_every_key_frame_is_named_once(
    container: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 4.0)
    data = film(scenes(100, 125, 75), container=container)
    ranges = VideoSegmenter().plan_pieces(io.BytesIO(data), {})
    assert len(ranges) == 3
    assert indexed(data, ranges, mode) == expected(data)


def test_a_byte_of_the_index_is_where_its_key_frame_lies() -> None:
    data = film(scenes(60))
    for (_, byte, size), packet in zip(indexed(data, [None]), packets(data), strict=True):
        assert data[int(byte) : int(byte + size)] == packet


def packets(data: bytes) -> list[bytes]:
    with opened(data) as container:
        return [bytes(p) for p in container.demux(video=0) if p.is_keyframe and p.size]
