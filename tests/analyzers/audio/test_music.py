"""Music, other sounds and silence are told apart where nobody speaks."""

from typing import Any

import numpy as np
import pytest

from analyzers.audio import music
from analyzers.audio.music import Tones
from analyzers.audio.rests import Rest, rests
from analyzers.audio.sound import RATE
from analyzers.audio.timeline import levels_of
from analyzers.audio.voice import Span

CHORDS = ((220.0, 277.2, 329.6), (246.9, 293.7, 370.0), (196.0, 246.9, 293.7))


def song(seconds: float) -> Any:
    """Return chords that change each second, with overtones that fade."""
    at = np.arange(round(seconds * RATE)) / RATE
    wave = np.zeros(len(at))
    for number, chord in enumerate(CHORDS):
        sounds = (at.astype(int) % len(CHORDS) == number) * np.exp(-2 * (at % 1.0))
        for note in chord:
            wave += sounds * sum(np.sin(2 * np.pi * note * k * at) / k for k in (1, 2, 3))
    return (0.1 * wave).astype(np.float32)


def noise(seconds: float) -> Any:
    return np.random.default_rng(2).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def hum(seconds: float) -> Any:
    at = np.arange(round(seconds * RATE)) / RATE
    wave: Any = sum(np.sin(2 * np.pi * 50 * k * at) / k for k in (1, 2, 3, 5))
    return (0.1 * wave).astype(np.float32) + noise(seconds) / 3


def tone(seconds: float) -> Any:
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)).astype("f4")


def heard(*parts: Any) -> list[Rest]:
    sound, tones = np.concatenate(parts), Tones()
    levels: list[float] = []
    for start in range(0, len(sound), 10 * RATE):
        tones.feed(sound[start : start + 10 * RATE])
        levels += levels_of(sound[start : start + 10 * RATE])
    tones.end()
    return list(rests(Span(0.0, len(sound) / RATE), levels, tones))


@pytest.mark.parametrize(
    ("sound", "kind"),
    [(song(12), "music"), (noise(12), "sound"), (tone(12), "sound"), (noise(12) * 0, "silence")],
    ids=["song", "noise", "tone", "silence"],
)
def test_kinds(sound: Any, kind: str) -> None:
    assert [rest.kind for rest in heard(sound)] == [kind]


def test_a_hum_that_never_ends_is_no_music() -> None:
    assert heard(hum(40))[-1].kind == "sound"


def test_where_one_kind_ends_the_next_begins() -> None:
    found = heard(song(15), noise(15) * 0, noise(15))
    assert [rest.kind for rest in found] == ["music", "silence", "sound"]
    assert [rest.start for rest in found] == [
        0.0,
        pytest.approx(15, abs=2),
        pytest.approx(30, abs=2),
    ]
    assert found[-1].end == 45.0
    assert found[0].activation >= music.MUSIC


def test_blocks_of_any_length_give_the_same() -> None:
    sound = song(9)
    one, many = Tones(), Tones()
    one.feed(sound)
    for start in range(0, len(sound), 1_000):
        many.feed(sound[start : start + 1_000])
    assert many.score(0, 9) == pytest.approx(one.score(0, 9), abs=0.1)
