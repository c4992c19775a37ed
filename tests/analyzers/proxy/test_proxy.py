"""The small rendition of a film: made in parts, read as one."""

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import pytest

from analyzers.api import Artifact, Range, Segment
from analyzers.proxy import clusters, join, wanted
from analyzers.proxy.pictures import size_of
from analyzers.video import pieces
from analyzers.video.segmenter import VideoSegmenter
from analyzers.video.stills import Shape
from dataflux.errors import MediaFailed
from tests.analyzers.video.films import RATE, film, scenes

ALWAYS = {"mime_type": "video/mp4", "proxy": "always", "scenes": "exact"}


def opened(data: bytes) -> Any:
    return av.open(io.BytesIO(data))


def tone(seconds: float) -> "np.ndarray[Any, Any]":
    wave: np.ndarray[Any, Any] = 0.3 * np.sin(np.arange(round(48_000 * seconds)) * 0.05)
    return wave.astype(np.float32)


def made(data: bytes, ranges: Sequence[Range | None], **config: Any) -> list[Artifact]:
    """Return all artifacts of a film, and those of the whole."""
    analyzer, found, parts = VideoSegmenter(), [], []
    analyzer.load()
    for piece in ranges:
        items = list(
            analyzer.extract_segments(io.BytesIO(data), ALWAYS | config | {"piece": piece})
        )
        parts.append([item for item in items if isinstance(item, Segment)])
        found += [item for item in items if isinstance(item, Artifact)]
    return [*found, *analyzer.stitch_artifacts(analyzer.stitch(parts), found)]


def read(artifacts: Sequence[Artifact]) -> bytes:
    """Return the bytes that a reader of the proxy gets."""
    parts = [a.data for a in artifacts if a.kind == clusters.KIND]
    (whole,) = [a for a in artifacts if a.kind == join.KIND]
    told = json.loads(whole.data)
    ranges = b"".join(parts[n][start : start + length] for n, start, length in told["ranges"])
    data = base64.b64decode(told["head"]) + ranges
    assert len(data) == whole.metadata["size"]
    return data


def times(data: bytes, kind: str) -> list[float]:
    with opened(data) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [float(frame.time) for frame in container.decode(stream) if frame.time is not None]


def test_it_has_every_picture_and_all_of_the_sound() -> None:
    source = film(scenes(100, 125), sound=tone(9))
    data = read(made(source, [None]))
    assert times(data, "video") == [pytest.approx(n / RATE, abs=0.001) for n in range(225)]
    heard = times(data, "audio")
    assert heard[0] == pytest.approx(0, abs=0.01)
    assert heard[-1] == pytest.approx(9, abs=0.05)
    with opened(data) as container:
        assert container.duration == 9_000_000
        assert {s.type: s.codec_context.codec.canonical_name for s in container.streams} == {
            "video": "vp9",
            "audio": "opus",
        }


def test_pieces_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 4.0)
    source = film(scenes(100, 125, 75), sound=tone(12))
    ranges = VideoSegmenter().plan_pieces(io.BytesIO(source), ALWAYS)
    assert [piece.unit for piece in ranges] == ["sound", "time", "time", "time"]
    data = read(made(source, ranges))
    assert times(data, "video") == [pytest.approx(n / RATE, abs=0.001) for n in range(300)]
    assert times(data, "audio")[-1] == pytest.approx(12, abs=0.05)


def test_a_jump_lands_at_most_a_cell_before_and_finds_its_sound() -> None:
    data = read(made(film(scenes(300), sound=tone(12)), [None]))
    for wanted_s in (0.0, 3.9, 5.0, 11.5):
        with opened(data) as container:
            container.seek(int(wanted_s * 1e6))
            first = {
                p.stream.type: float(p.pts * p.time_base) for p in reversed(packets(container))
            }
        cell = wanted_s // 4 * 4
        assert first["video"] == pytest.approx(cell, abs=0.001)
        assert first["audio"] == pytest.approx(cell, abs=0.03)


def packets(container: Any) -> list[Any]:
    return [packet for packet in container.demux() if packet.pts is not None]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_it_is_upright(rotation: int) -> None:
    frames = scenes(3)
    for frame in frames:
        frame[:, :60] = 255  # a bright left edge
        frame[:, 60:] = 0
    data = read(made(film(frames, rotation=rotation), [None]))
    with opened(data) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="gray")
    assert shown.shape == ((180, 320) if rotation == 180 else (320, 180))
    edge = {90: shown[-20:], 180: shown[:, -20:], 270: shown[:20]}[rotation]
    assert edge.mean() > 200
    assert shown.mean() < 100


def test_sixty_pictures_a_second_become_thirty() -> None:
    stamps = [round(n * 1000 / 60) for n in range(120)]
    data = read(made(film(scenes(120), times=stamps), [None]))
    assert len(times(data, "video")) == 60


def test_no_proxy_of_key_frames_alone_nor_of_what_plays_well() -> None:
    source = film(scenes(50))
    for config in ({"scenes": "compressed"}, {"proxy": "never"}, {"proxy": "auto"}):
        kinds = {artifact.kind for artifact in made(source, [None], **config)}
        assert not kinds & {clusters.KIND, join.KIND}


def test_a_size_is_even_and_never_larger() -> None:
    assert size_of(Shape(), 1920, 1080) == (640, 360)
    assert size_of(Shape(aspect=64 / 45), 720, 576) == (640, 360)
    assert size_of(Shape(), 321, 201) == (320, 200)
    assert size_of(Shape(), 1080, 1920) == (360, 640)


FACTS: dict[str, Any] = {
    "codec": "h264",
    "pixel_format": "yuv420p",
    "bit_rate": 1_500_000,
    "duration_s": 600.0,
    "audio": {"codec": "aac"},
}


@pytest.mark.parametrize(
    ("mime_type", "changed", "needed"),
    [
        ("video/mp4", {}, False),
        ("video/mp4", {"bit_rate": 8_000_000}, True),
        ("video/mp4", {"bit_rate": 8_000_000, "duration_s": 10.0}, False),
        ("video/mp4", {"codec": "hevc"}, True),
        ("video/mp4", {"pixel_format": "yuv422p10le"}, True),
        ("video/mp4", {"audio": {"codec": "ac3"}}, True),
        ("video/mp4", {"audio": None}, False),
        ("video/x-matroska", {}, True),
        ("video/webm", {"codec": "vp9", "audio": {"codec": "opus"}}, False),
    ],
)
def test_what_needs_a_proxy(mime_type: str, changed: dict[str, Any], needed: bool) -> None:
    assert wanted.film(FACTS | changed, {"mime_type": mime_type}) is needed


def test_what_a_child_says_of_its_parts_is_not_believed() -> None:
    good = {"part": True, "track": 1, "described": "ae", "clusters": [[0, 0, 4]]}
    for wrong in ({"track": 3}, {"described": 7}, {"clusters": [[0, -1, 4]]}, {"clusters": ["x"]}):
        part = Artifact(clusters.KIND, clusters.MIME_TYPE, b"", None, good | wrong)
        with pytest.raises(MediaFailed):
            join.joined([part], 1.0, "video/webm", instead=False)
