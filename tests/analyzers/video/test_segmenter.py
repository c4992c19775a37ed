"""Scenes are found where they are, in every codec, whole or in pieces."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analyzers import containers
from analyzers.api import Artifact, Range, Segment
from analyzers.video import pieces, sprites
from analyzers.video.modes import LONG_S, Mode
from analyzers.video.samples import Sampler
from analyzers.video.segmenter import VideoSegmenter
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
    assert all("edge" not in s.features["visual"] for s in joined)
    made = {a.segment for _, artifacts in parts for a in artifacts if a.kind == "keyframe"}
    assert {s.key for s in joined} <= made


@pytest.mark.parametrize("cut", [40, 44, 60, 76, 78, 80, 84])
def test_a_cut_near_a_seam_is_found_once(monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    """A piece begins at 2 s (picture 50), and decides from 3.5 s on."""
    monkeypatch.setattr(pieces, "LENGTH_S", 1.9)
    data = film(scenes(cut, 130 - cut), gop=50)
    analyzer = VideoSegmenter()
    parts = [extract(data, piece)[0] for piece in analyzer.plan_pieces(io.BytesIO(data), {})]
    assert len(parts) > 1
    joined = analyzer.stitch(parts)
    assert starts(joined) == pytest.approx([0, cut / RATE], abs=0.001)
    assert joined[-1].end_marker["time"] == pytest.approx(130 / RATE, abs=FRAME + 0.001)


def test_a_scene_in_two_pieces_keeps_the_sharper_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 2.0)
    data = film(scenes(150), gop=50)
    analyzer = VideoSegmenter()
    parts = [extract(data, piece)[0] for piece in analyzer.plan_pieces(io.BytesIO(data), {})]
    found = {s.key: s.features["visual"]["footage"]["sharpness"] for part in parts for s in part}
    (scene,) = analyzer.stitch(parts)
    assert len(found) > 1
    assert found[scene.key] == max(found.values())
    assert scene.features["visual"]["footage"]["sharpness"] == found[scene.key]


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_slides_are_shown_until_the_next(monkeypatch: pytest.MonkeyPatch, container: str) -> None:
    """Pictures lie further apart than a piece is long; every one of them is a key frame."""
    monkeypatch.setattr(pieces, "LENGTH_S", 4.0)
    looks = [LOOKS[n % 4](0) for n in range(6)]
    times = [0, 9_000, 10_000, 30_000, 33_000, 52_000]
    data = film(looks, container=container, gop=1, times=times)
    analyzer = VideoSegmenter()
    ranges = analyzer.plan_pieces(io.BytesIO(data), {})
    assert len(ranges) == 3
    parts = [extract(data, piece)[0] for piece in ranges]
    for segments in (analyzer.stitch(parts), analyzer.stitch([extract(data)[0]])):
        assert starts(segments) == [t / 1000 for t in times]
        ends = [s.end_marker["time"] for s in segments]
        assert ends[:-1] == starts(segments)[1:]
        assert ends[-1] > 52
        assert not any("damage" in s.features.get("technical", {}) for s in segments)


def test_a_missing_piece_leaves_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 2.0)
    data = film(scenes(250), gop=50)
    analyzer = VideoSegmenter()
    parts = [extract(data, piece)[0] for piece in analyzer.plan_pieces(io.BytesIO(data), {})]
    assert len(parts) > 3
    assert starts(analyzer.stitch([parts[0], *parts[2:]])) == pytest.approx([0, 5.5], abs=FRAME)


@pytest.mark.parametrize(("rotation", "size"), [(0, (320, 180)), (90, (180, 320)), (180, None)])
def test_pictures_are_upright(rotation: int, size: tuple[int, int] | None) -> None:
    look = LOOKS[0](0)
    look[:60, :80] = 255  # a white corner, at the top left of what was recorded
    data = film([look] * 5, rotation=rotation)
    facts = VideoSegmenter().get_metadata(io.BytesIO(data))
    _, artifacts = extract(data)
    (keyframe,) = (a for a in artifacts if a.kind == "keyframe")
    image = Image.open(io.BytesIO(keyframe.data)).convert("L")
    assert facts["rotation"] == rotation
    assert image.size == (facts["width"], facts["height"]) == (size or (320, 180))
    corners = [(5, 5), (-5, 5), (-5, -5), (5, -5)]
    levels = np.asarray(image)
    at = [int(levels[y, x]) for x, y in corners]
    assert at.index(max(at)) == {0: 0, 90: 3, 180: 2}[rotation]


def test_small_pictures_keep_their_proportions() -> None:
    tall = [np.ascontiguousarray(np.rot90(image)) for image in scenes(30)]
    _, artifacts = extract(film(tall))
    (sheet,) = (a for a in artifacts if a.kind == "sprite_0")
    assert sheet.metadata["tile"] == [90, 160]


def test_a_film_without_a_length_is_cut_into_pieces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers record such files: nobody knows the length before the end."""
    monkeypatch.setattr(pieces, "LENGTH_S", 2.0)
    monkeypatch.setattr(containers, "seconds", lambda container: 0.0)
    data = film(scenes(70, 60), container="matroska", gop=20)
    analyzer = VideoSegmenter()
    assert analyzer.get_metadata(io.BytesIO(data))["duration_s"] == pytest.approx(5.2, abs=0.1)
    parts = [extract(data, piece)[0] for piece in analyzer.plan_pieces(io.BytesIO(data), {})]
    assert len(parts) > 1
    assert starts(analyzer.stitch(parts)) == pytest.approx([0, 2.8], abs=FRAME + 0.001)


def test_sound_has_the_time_of_the_pictures() -> None:
    """The tone begins with the sound track, half a second after the first picture."""
    tone = np.sin(np.arange(48_000) * 0.05) * 0.5
    _, artifacts = extract(film(scenes(50), container="matroska", sound=tone, sound_at=0.5))
    found = {a.kind: json.loads(a.data) for a in artifacts if a.mime_type == "application/json"}
    assert found["waveform"]["start_s"] == pytest.approx(0.5, abs=0.06)
    assert found["loudness"]["integrated_lufs"] < 0


def test_a_silent_film_has_no_sound() -> None:
    data = film(scenes(30))
    assert VideoSegmenter().get_metadata(io.BytesIO(data))["has_audio"] is False
    _, artifacts = extract(data)
    kinds = {"keyframe", "thumbnail", "sprite_0", "key_frames_part"}
    assert {a.kind for a in artifacts} == kinds


def test_what_holds_for_the_film_is_told_once() -> None:
    segments, _ = extract(film(scenes(40, 40)))
    technical = [s.features.get("technical") for s in VideoSegmenter().stitch([segments])]
    assert technical[0] is not None
    assert technical[0]["video"]["width"] == 320
    assert not technical[1]


def test_footage_tells_light_and_motion() -> None:
    still = [LOOKS[3](0)] * 40
    dark = [LOOKS[1](4 * n) for n in range(40)]
    segments, _ = extract(film([*still, *dark]))
    first, second = (s.features["visual"]["footage"] for s in segments)
    assert first["brightness"] > 0.7 > 0.5 > second["brightness"]
    assert first["motion"] < 0.005 < second["motion"]
    assert first["frozen"] > 0.8  # an encoder still refines the first pictures
    assert second["frozen"] == 0
    assert (first["black"], second["black"]) == (0, 0)


def test_black_is_told() -> None:
    black = np.zeros_like(LOOKS[0](0))
    segments, _ = extract(film([*[black] * 40, *scenes(40)]))
    assert [s.features["visual"]["footage"]["black"] for s in segments] == [1, 0]


def test_half_pictures_are_told() -> None:
    interlaced = film(scenes(20), options={"x264-params": "tff=1"}, interlaced=True)
    for data, expected in ((interlaced, True), (film(scenes(20)), False)):
        facts = VideoSegmenter().get_metadata(io.BytesIO(data))
        assert facts["interlaced"] is expected


def test_the_sprite_covers_the_film() -> None:
    segments, artifacts = extract(film(scenes(40, 60)))
    vtt, _ = VideoSegmenter().stitch_artifacts(segments, artifacts)
    cues = vtt.data.decode().split("\n\n")[1:]
    assert vtt.data.startswith(b"WEBVTT")
    assert len(cues) == 4
    assert "sprite_0#xywh=160,0,160,90" in cues[1]
    assert "--> 00:00:04.000" in cues[-1]


def test_a_long_film_has_several_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sprites, "ROWS", 1)
    monkeypatch.setattr("analyzers.video.segmenter.interval", lambda length_s: 0.1)
    segments, artifacts = extract(film(scenes(20, 20, 20)))
    sheets = [a for a in artifacts if a.kind.startswith("sprite_")]
    assert len({a.kind for a in sheets}) == len(sheets) > 1
    times = [time for sheet in sheets for time in sheet.metadata["times"]]
    assert times == sorted(set(times))
    (vtt,) = VideoSegmenter().stitch_artifacts(segments, sheets[::-1])
    cues = vtt.data.decode().split("\n\n")[1:]
    assert [sheets[0].kind in cues[0], sheets[-1].kind in cues[-1]] == [True, True]


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
    from analyzers.packets import Damage
    from analyzers.video import cuts, reel
    from analyzers.video.facts import film_of, stream_of

    film, window = film_of(io.BytesIO(data)), pieces.Window.of(None)
    with containers.opened(io.BytesIO(data)) as container:
        sprite = sprites.Sprite(1.0, window)
        opened = reel.Reel(container, stream_of(container), film, window, sprite, Damage())
        yield from cuts.scenes(opened.looked_at(opened.pictures()), RATE)


@pytest.mark.parametrize("mode", ["exact", "fast", "compressed"])
def test_every_mode_finds_the_cuts(mode: str) -> None:
    lengths = (50, 31, 44, 27, 60)
    options = {"bf": "3", "b-pyramid": "none", "sc_threshold": "40"}
    data = film(scenes(*lengths), gop=250, options=options)
    segments = [
        s
        for s in VideoSegmenter().extract_segments(io.BytesIO(data), {"scenes": mode})
        if isinstance(s, Segment)
    ]
    cuts = [sum(lengths[:n]) / RATE for n in range(len(lengths))]
    assert starts(segments) == pytest.approx(cuts, abs=2 * FRAME + 0.001)
    assert segments[0].features["technical"]["video"]["scenes"] == mode
    assert segments[-1].end_marker["time"] == pytest.approx(sum(lengths) / RATE, abs=2 * FRAME)


def test_key_frames_at_fixed_distances_tell_nothing() -> None:
    """Hardware and streaming put them so: such a film is looked at in another way."""
    data = film(scenes(50, 31, 44, 27, 60), gop=12)
    segments = [
        s
        for s in VideoSegmenter().extract_segments(io.BytesIO(data), {"scenes": "compressed"})
        if isinstance(s, Segment)
    ]
    assert segments[0].features["technical"]["video"]["scenes"] == "fast"
    assert len(segments) == 5


def test_a_scene_tells_how_it_begins() -> None:
    segments, _ = extract(film(scenes(40, 30)))
    begins = [s.features["visual"].get("begins") for s in segments]
    assert begins == [None, {"with": "cut"}]


def test_changes_are_told_without_stills() -> None:
    data = io.BytesIO(film(scenes(40, 30)))
    found = list(VideoSegmenter().changes(data, {"scenes": "exact"}))
    assert found == [(0.0, "start"), (pytest.approx(1.6, abs=FRAME + 0.001), "cut")]


def test_fast_decodes_fewer_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, of = [0], Sampler.of

    def counted(sampler: Sampler, frame: Any) -> Any:
        decoded[0] += 1
        return of(sampler, frame)

    monkeypatch.setattr(Sampler, "of", counted)
    data = film(scenes(60), gop=250, options={"bf": "3", "b-pyramid": "none"})
    counts = {}
    for mode in ("exact", "fast"):
        decoded[0] = 0
        list(VideoSegmenter().extract_segments(io.BytesIO(data), {"scenes": mode}))
        counts[mode] = decoded[0]
    assert counts["exact"] == 60
    assert counts["fast"] < 30


def test_only_long_films_are_looked_at_in_haste() -> None:
    assert Mode.of({}, 60) is Mode.EXACT
    assert Mode.of({}, LONG_S + 1) is Mode.FAST
    assert Mode.of({"scenes": "exact"}, LONG_S + 1) is Mode.EXACT
