"""Who speaks when, what is said, how loud it is."""

import io
import json
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from analyzers import containers
from analyzers.api import Artifact, Segment
from analyzers.audio import loudness, sound, timeline
from analyzers.audio.segmenter import AudioSegmenter
from analyzers.audio.sound import first_track
from analyzers.audio.speech import CONFIDENCE, SpeechAnalyzer
from dataflux.errors import MediaFailed
from schemas.names import Reason

SPEECH = Path(__file__).parents[2] / "media/jfk.flac"
RATE = 48_000
Samples = Any


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    AudioSegmenter().load()


def encoded(
    samples: Samples, *, codec: str = "flac", container: str = "flac", form: str = "s16"
) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=RATE, layout="mono")
        scaled = samples * 32767 if form == "s16" else samples
        pcm: Any = np.asarray(scaled)[None].astype(np.int16 if form == "s16" else np.float32)
        frame = av.AudioFrame.from_ndarray(pcm, form, "mono")
        frame.rate = RATE
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def tone(seconds: float, level: float = 0.2, hertz: float = 1000.0) -> Samples:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def extract(data: bytes) -> tuple[list[Segment], list[Artifact]]:
    analyzer = AudioSegmenter()
    found = list(analyzer.extract_segments(io.BytesIO(data), {}))
    segments = analyzer.stitch([[f for f in found if isinstance(f, Segment)]])
    return segments, [f for f in found if isinstance(f, Artifact)]


def test_speech_is_found_and_recognized() -> None:
    segments, artifacts = extract(SPEECH.read_bytes())
    spoken = [s for s in segments if s.type == "utterance"]
    sounds = {a.segment: a.data for a in artifacts if a.kind == "speech"}
    assert spoken
    analyzer = SpeechAnalyzer()
    analyzer.load()
    words: list[str] = []
    for utterance in spoken:
        utterance.renditions["speech"] = sounds[utterance.key]
        result = analyzer.analyze_segment(utterance, {})
        assert result is not None
        assert result.model == "pocketsphinx"
        (text,) = result.texts
        assert text.source == "spoken"
        assert text.confidence is not None
        assert text.confidence <= CONFIDENCE
        words += text.body.split()
        for word in result.features["audio"]["transcript"]["words"]:
            assert utterance.start_marker["time"] - 0.3 <= word["start"] < word["end"]
            assert word["end"] <= utterance.end_marker["time"] + 0.5
    assert {"fellow", "country"} <= set(words)
    assert not any("(" in word for word in words)


def test_the_timeline_covers_the_recording() -> None:
    segments, _ = extract(SPEECH.read_bytes())
    assert segments[0].type == "recording"
    assert segments[0].end_marker["time"] == pytest.approx(11.0, abs=0.01)
    inside = segments[1:]
    assert all(s.parent == "recording" for s in inside)
    for before, after in pairwise(inside):
        assert before.end_marker["time"] <= after.start_marker["time"] + 0.001


@pytest.mark.parametrize(
    "samples",
    [
        tone(3.0),
        np.random.default_rng(1).normal(0, 0.1, 3 * RATE).clip(-1, 1),
        np.zeros(3 * RATE),
    ],
    ids=["tone", "noise", "silence"],
)
def test_nobody_speaks_in_noise(samples: Samples) -> None:
    segments, _ = extract(encoded(samples))
    kinds = {s.type for s in segments}
    assert "utterance" not in kinds
    assert kinds == {"recording", "silence" if not samples.any() else "sound"}


@pytest.mark.parametrize(
    ("codec", "container", "form"),
    [
        ("flac", "flac", "s16"),
        ("pcm_s16le", "wav", "s16"),
        ("libmp3lame", "mp3", "fltp"),
        ("aac", "mp4", "fltp"),
        ("aac", "adts", "fltp"),
        ("libopus", "ogg", "flt"),
        ("libopus", "webm", "flt"),
    ],
)
def test_every_codec_is_read(codec: str, container: str, form: str) -> None:
    data = encoded(tone(2.0), codec=codec, container=container, form=form)
    assert AudioSegmenter().validate_file(io.BytesIO(data))
    segments, _ = extract(data)
    assert segments[0].end_marker["time"] == pytest.approx(2.0, abs=0.12)


def test_numbers_that_are_none_become_silence() -> None:
    samples = tone(2.0)
    samples[1000:2000] = np.nan
    samples[3000] = np.inf
    segments, artifacts = extract(encoded(samples, codec="pcm_f32le", container="wav", form="flt"))
    assert segments[0].type == "recording"
    (waveform,) = (json.loads(a.data) for a in artifacts if a.kind == "waveform")
    assert all(0 <= peak <= 1 for peak in waveform["peaks"])


def test_loudness_follows_r128() -> None:
    """A stereo or mono sine at 997 Hz: EBU Tech 3341 asks for -23 LUFS at -23 dBFS in stereo."""
    level = 10 ** (-20 / 20)
    segments, _ = extract(encoded(tone(10.0, level, 997.0)))
    loudness = segments[0].features["audio"]["loudness"]
    assert loudness["integrated_lufs"] == pytest.approx(-20 - 3.0, abs=1.0)
    assert loudness["true_peak_dbtp"] == pytest.approx(-20, abs=1.0)


def test_a_long_waveform_has_few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "PEAKS", 100)
    _, artifacts = extract(encoded(np.tile(tone(1.0), 30)))
    (waveform,) = (json.loads(a.data) for a in artifacts if a.kind == "waveform")
    assert len(waveform["peaks"]) <= 100
    assert len(waveform["peaks"]) * waveform["step_s"] == pytest.approx(30, abs=0.5)


def test_a_hole_in_the_time_stamps_is_silence() -> None:
    data = matroska([(0.0, tone(2.0)), (5.0, tone(2.0))])
    segments, artifacts = extract(data)
    assert segments[0].end_marker["time"] == pytest.approx(7.0, abs=0.05)
    (waveform,) = (json.loads(a.data) for a in artifacts if a.kind == "waveform")
    assert max(waveform["peaks"][22:48]) < 0.01
    assert min(waveform["peaks"][2:18] + waveform["peaks"][52:68]) > 0.1


def test_a_time_stamp_beyond_the_end_is_a_mistake() -> None:
    data = matroska([(0.0, tone(2.0)), (5.0, tone(2.0))])
    with containers.opened(io.BytesIO(data)) as container:
        track = first_track(container)
        assert track is not None
        lengths = [frame.samples / RATE for frame in track._gapless(2.0)]
    assert sum(lengths) == pytest.approx(4.0, abs=0.01)


def matroska(parts: list[tuple[float, Samples]]) -> bytes:
    """Return sound with the parts at some times, and nothing between them."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as target:
        stream: Any = target.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for start, samples in parts:
            frame = av.AudioFrame.from_ndarray(
                (samples * 32767)[None].astype(np.int16), "s16", "mono"
            )
            frame.rate, frame.pts = RATE, round(start * RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def test_sound_that_changes_its_kind_goes_on() -> None:
    """Two MPEG streams one after the other: another rate, another number of channels."""
    first = encoded(tone(2.0), codec="libmp3lame", container="mp3", form="fltp")
    data = first + stereo_mp3(tone(2.0), 44_100)
    segments, _ = extract(data)
    assert segments[0].end_marker["time"] == pytest.approx(4.0, abs=0.4)
    assert segments[0].features["audio"]["loudness"] == {}


def stereo_mp3(samples: Samples, rate: int) -> bytes:
    out = io.BytesIO()
    with av.open(
        out, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}
    ) as target:
        stream: Any = target.add_stream("libmp3lame", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.stack([samples[: 2 * rate]] * 2).astype(np.float32), "fltp", "stereo"
        )
        frame.rate = rate
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def test_a_recording_cut_short_is_read_as_far_as_it_goes() -> None:
    data = encoded(tone(4.0), codec="libmp3lame", container="mp3", form="fltp")
    segments, _ = extract(data[: len(data) // 2])
    assert segments[0].end_marker["time"] == pytest.approx(2.0, abs=0.2)


def test_noise_in_the_middle_is_noted() -> None:
    data = bytearray(encoded(tone(4.0), codec="aac", container="mp4", form="fltp"))
    middle = data.find(b"mdat") + 8000
    data[middle : middle + 400] = np.random.default_rng(3).bytes(400)
    segments, _ = extract(bytes(data))
    assert segments[0].features["technical"]["audio"]["damage"]


def test_more_sound_than_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "LONGEST_S", 2)
    with pytest.raises(MediaFailed) as failed:
        extract(encoded(tone(3.0)))
    assert (failed.value.reason, failed.value.limit) == (Reason.DECODE_LIMIT_EXCEEDED, "duration")


def test_long_sound_has_its_sample_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loudness, "LONGEST_TRUE_PEAK_S", 5)
    segments, _ = extract(encoded(tone(10.0, 0.1, 997.0)))
    found = segments[0].features["audio"]["loudness"]
    assert found["sample_peak_dbfs"] == pytest.approx(-20, abs=0.1)
    assert "true_peak_dbtp" not in found


def test_tags_that_are_too_large() -> None:
    data = b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(1000)
    with pytest.raises(MediaFailed) as failed:
        AudioSegmenter().validate_file(io.BytesIO(data))
    assert failed.value.limit == "metadata"


def test_a_recording_without_samples_is_empty() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as empty:
        empty.setparams((1, 2, 16_000, 0, "NONE", ""))
    data = out.getvalue()
    with pytest.raises(MediaFailed) as failed:
        extract(data)
    assert failed.value.reason is Reason.EMPTY_MEDIA


def test_a_cover_is_no_film() -> None:
    """A picture on an album is a video stream to FFmpeg."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as target:
        stream: Any = target.add_stream("libmp3lame", rate=RATE, layout="mono")
        cover: Any = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(tone(2.0)[None].astype(np.float32), "fltp", "mono")
        frame.rate = RATE
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        target.mux(cover.encode(picture))
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        target.mux(cover.encode(None))
    data = out.getvalue()
    assert not containers.sound_only(io.BytesIO(data), "audio/mpeg")
    segments, _ = extract(data)
    assert segments[0].type == "recording"


def test_what_is_no_sound_has_a_reason() -> None:
    for data, reason in (
        (SPEECH.read_bytes()[:50], Reason.CORRUPT_MEDIA),
        (b"ID3\x04" + bytes(500), Reason.CORRUPT_MEDIA),
    ):
        with pytest.raises(MediaFailed) as failed:
            AudioSegmenter().validate_file(io.BytesIO(data))
        assert failed.value.reason is reason
