"""Who speaks when, what is said, how loud it is."""

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from analyzers.api import Artifact, Segment
from analyzers.audio.segmenter import AudioSegmenter
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


def test_a_long_waveform_has_few_points() -> None:
    _, artifacts = extract(encoded(np.tile(tone(1.0), 300)))
    (waveform,) = (json.loads(a.data) for a in artifacts if a.kind == "waveform")
    assert len(waveform["peaks"]) <= 2000
    assert len(waveform["peaks"]) * waveform["step_s"] == pytest.approx(300, abs=1)


def test_what_is_no_sound_has_a_reason() -> None:
    for data, reason in (
        (SPEECH.read_bytes()[:50], Reason.CORRUPT_MEDIA),
        (b"ID3\x04" + bytes(500), Reason.CORRUPT_MEDIA),
    ):
        with pytest.raises(MediaFailed) as failed:
            AudioSegmenter().validate_file(io.BytesIO(data))
        assert failed.value.reason is reason
