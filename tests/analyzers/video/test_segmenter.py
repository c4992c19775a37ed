"""Scenes are found where they are, in every codec, whole or in pieces."""

import io
from typing import Any

import numpy as np
import pytest

from analyzers.api import Artifact, Range, Segment
from analyzers.video import pieces
from analyzers.video.segmenter import VideoSegmenter
from dataflux.errors import MediaFailed
from schemas.names import Reason
from tests.analyzers.video.films import LOOKS, RATE, film, scenes

FRAME = 1 / RATE


def extract(data: bytes, piece: Range | None = None) -> tuple[list[Segment], list[Artifact]]:
    config = {} if piece is None else {"piece": piece}
    found = list(VideoSegmenter().extract_segments(io.BytesIO(data), config))
    segments = [f for f in found if isinstance(f, Segment)]
    return segments, [f for f in found if isinstance(f, Artifact)]


def starts(segments: list[Segment]) -> list[float]:
    return [s.start_marker["time"] for s in segments if s.type == "scene"]


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    VideoSegmenter().load()


def test_cuts_are_found_to_the_frame() -> None:
    segments, artifacts = extract(film(scenes(40, 30, 55)))
    assert starts(segments) == pytest.approx([0, 1.6, 2.8], abs=FRAME + 0.001)
    assert segments[-1].end_marker["time"] == pytest.approx(5.0, abs=FRAME + 0.001)
    keys = {s.key for s in segments}
    for kind in ("keyframe", "thumbnail"):
        assert {a.segment for a in artifacts if a.kind == kind} == keys
    assert all(a.data[:3] == b"\xff\xd8\xff" for a in artifacts if a.mime_type == "image/jpeg")


@pytest.mark.parametrize(
    ("codec", "container"),
    [
        ("libx264", "mp4"),
        ("libx264", "matroska"),
        ("libx264", "mov"),
        ("libx265", "mp4"),
        ("libvpx-vp9", "webm"),
        ("libsvtav1", "mp4"),
    ],
)
def test_every_codec_and_container(codec: str, container: str) -> None:
    data = film(scenes(20, 20), codec=codec, container=container)
    assert VideoSegmenter().validate_file(io.BytesIO(data))
    segments, _ = extract(data)
    assert starts(segments) == pytest.approx([0, 0.8], abs=FRAME + 0.001)


def test_a_flash_is_no_cut() -> None:
    frames = scenes(50)
    frames[20] = np.full_like(frames[20], 255)
    assert starts(extract(film(frames))[0]) == [0]


def test_a_moving_camera_is_no_cut() -> None:
    wide = np.hstack([LOOKS[0](0), LOOKS[0](30), LOOKS[0](60)])
    frames = [np.ascontiguousarray(wide[:, 8 * n : 8 * n + 320]) for n in range(60)]
    assert starts(extract(film(frames))[0]) == [0]


def test_a_dissolve_parts_two_scenes() -> None:
    before, after = LOOKS[0], LOOKS[3]
    blend = [
        ((1 - n / 20) * before(40 + n) + n / 20 * after(n)).astype(np.uint8) for n in range(20)
    ]
    frames = [*(before(n) for n in range(40)), *blend, *(after(20 + n) for n in range(40))]
    found = starts(extract(film(frames))[0])
    assert len(found) == 2
    assert 1.6 <= found[1] <= 2.8


def test_times_of_a_variable_rate_come_from_the_stamps() -> None:
    times = [0]
    for n in range(59):
        times.append(times[-1] + (40 if n < 30 else 120))
    segments, _ = extract(film(scenes(30, 30), container="matroska", times=times))
    assert starts(segments) == pytest.approx([0, times[30] / 1000], abs=0.13)


def test_one_frame_is_one_scene() -> None:
    segments, artifacts = extract(film(scenes(1)))
    assert starts(segments) == [0]
    assert {"keyframe", "sprite_0"} <= {a.kind for a in artifacts}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (film(scenes(20))[:400], Reason.CORRUPT_MEDIA),
        (b"\0\0\0\x1cftypisom" + bytes(200), Reason.CORRUPT_MEDIA),
        (film(scenes(5), codec="ffv1", container="matroska")[:100], Reason.CORRUPT_MEDIA),
    ],
)
def test_broken_films_have_a_reason(data: bytes, reason: Reason) -> None:
    with pytest.raises(MediaFailed) as failed:
        VideoSegmenter().validate_file(io.BytesIO(data))
    assert failed.value.reason is reason


def test_pieces_are_joined_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 2.0)
    data = film(scenes(70, 45, 100, 60), gop=20)
    analyzer = VideoSegmenter()
    ranges = analyzer.plan_pieces(io.BytesIO(data), {})
    assert len(ranges) > 2
    parts = [extract(data, piece) for piece in ranges]
    joined = analyzer.stitch([segments for segments, _ in parts])
    (whole,) = [analyzer.stitch([extract(data)[0]])]
    assert starts(joined) == pytest.approx(starts(whole), abs=FRAME + 0.001)
    assert [s.end_marker["time"] for s in joined] == pytest.approx(
        [s.end_marker["time"] for s in whole], abs=FRAME + 0.001
    )
    assert len({s.key for s in joined}) == len(joined)
    assert "edge" not in joined[0].features["visual"]
    made = {a.segment for _, artifacts in parts for a in artifacts if a.kind == "keyframe"}
    assert {s.key for s in joined} <= made


def test_the_sprite_covers_the_film() -> None:
    segments, artifacts = extract(film(scenes(40, 60)))
    (vtt,) = VideoSegmenter().stitch_artifacts(segments, artifacts)
    cues = vtt.data.decode().split("\n\n")[1:]
    assert vtt.data.startswith(b"WEBVTT")
    assert len(cues) == 4
    assert "sprite_0#xywh=160,0,160,90" in cues[1]


def test_facts_are_numbers_of_the_container() -> None:
    tone = np.sin(np.arange(48_000 * 2) * 0.05) * 0.2
    facts = VideoSegmenter().get_metadata(io.BytesIO(film(scenes(50), sound=tone)))
    assert (facts["codec"], facts["width"], facts["height"]) == ("h264", 320, 180)
    assert facts["fps"] == RATE
    assert facts["duration_s"] == pytest.approx(2.0, abs=0.1)
    assert facts["audio"]["rate"] == 48_000


def test_frames_are_not_held() -> None:
    """A second of full frames would be hundreds of megabytes at 4K."""
    import gc

    import av

    data, most = film(scenes(75)), 0
    for number, _ in enumerate(_pictures(data)):
        if number % 10 == 0:
            most = max(most, sum(isinstance(o, av.VideoFrame) for o in gc.get_objects()))
    assert most < 20


def _pictures(data: bytes) -> Any:
    from analyzers import containers
    from analyzers.packets import Damage
    from analyzers.video import cuts, frames, pieces, sprites, stills

    with containers.opened(io.BytesIO(data)) as container:
        stream = containers.streams_of(container, "video")[0]
        read = frames.pictures(container, stream, 0.0, 1e9, Damage())
        sprite = sprites.Sprite(1.0, pieces.Window.of(None))
        yield from cuts.scenes(stills.looked_at(read, sprite), RATE)
