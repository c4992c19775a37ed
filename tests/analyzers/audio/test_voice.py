"""Probabilities of speech become utterances: pauses belong to them, noises are none."""

from collections.abc import Sequence

import numpy as np
import pytest

from analyzers.audio.voice import WINDOW_S, Span, Utterances


def utterances(*parts: tuple[float, float], step: int = 7) -> list[Span]:
    """Return those of stretches of (seconds, probability), fed a few windows at a time."""
    windows = [p for seconds, p in parts for _ in range(round(seconds / WINDOW_S))]
    joiner, found = Utterances(), list[Span]()
    for at in range(0, len(windows), step):
        found += joiner.feed(np.array(windows[at : at + step], np.float32))
    return [*found, *joiner.end()]


def times(spans: Sequence[Span]) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in spans]


def test_a_pause_inside_a_sentence_belongs_to_it() -> None:
    (one,) = utterances((1, 0.0), (2, 0.9), (0.8, 0.1), (2, 0.9), (3, 0.0))
    assert (one.start, one.end) == pytest.approx((1.0, 5.8), abs=2 * WINDOW_S)


def test_a_long_pause_parts_two() -> None:
    found = utterances((1, 0.0), (2, 0.9), (2, 0.1), (2, 0.9))
    assert times(found) == [
        pytest.approx((1.0, 3.0), abs=2 * WINDOW_S),
        pytest.approx((5.0, 7.0), abs=4 * WINDOW_S),
    ]


def test_a_short_noise_is_none() -> None:
    assert utterances((1, 0.0), (0.1, 0.9), (3, 0.0)) == []


def test_speech_without_a_pause_is_cut_where_it_is_least_likely() -> None:
    found = utterances((24, 0.95), (0.2, 0.6), (30, 0.95))
    assert times(found)[0] == pytest.approx((0.0, 24.1), abs=0.2)
    assert all(span.end - span.start <= 30 for span in found)
    assert sum(span.end - span.start for span in found) == pytest.approx(54.2, abs=0.2)


def test_the_size_of_the_blocks_makes_no_difference() -> None:
    parts = ((1, 0.0), (40, 0.9), (0.5, 0.2), (3, 0.7), (2, 0.0), (1, 0.8))
    assert utterances(*parts, step=1) == utterances(*parts, step=500)


def test_the_probability_is_the_mean() -> None:
    (one,) = utterances((1, 0.6), (1, 0.8), (3, 0.0))
    assert one.probability == pytest.approx(0.7, abs=0.02)
