"""Calibration and fusion: pure rules of what is found and in which order."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.search.calibrate import Calibration
from functions.search.explain import said_at
from functions.search.fuse import absorb, best_of_each, fuse
from functions.search.signals import Evidence
from stores.records.snippet import Snippet

means = st.floats(-0.2, 0.8)
deviations = st.floats(0.01, 0.3)


@given(means, deviations, st.floats(-1, 1), st.floats(-1, 1))
def test_similarity_grows_with_the_cosine(mean: float, sd: float, a: float, b: float) -> None:
    similarity = Calibration(mean, sd).similarity
    low, high = sorted((a, b))
    assert 0 <= similarity(low) <= similarity(high) <= 1


@given(means, deviations)
def test_identical_is_near_one_and_random_near_zero(mean: float, sd: float) -> None:
    calibration = Calibration(mean, sd)
    assert calibration.similarity(1.0) > 0.98
    assert calibration.similarity(mean) < 0.1


def test_a_measured_match_is_the_cut_off() -> None:
    assert Calibration(0.164, 0.201, match=0.49).similarity(0.49) == pytest.approx(0.5)


def evidence(segment: int, score: float, signal: str = "words", lineage: int = 0) -> Evidence:
    return Evidence(signal, UUID(int=segment), UUID(int=lineage or segment), score, "m")


def test_the_score_is_the_best_signal() -> None:
    (only,) = fuse([[evidence(1, 0.6)], [evidence(1, 0.9, "visual")]], 0.5)
    assert only.score == 0.9
    assert [e.signal for e in only.evidence] == ["visual", "words"]


def test_below_the_threshold_is_nothing() -> None:
    assert fuse([[evidence(1, 0.49)], [evidence(2, 0.3, "visual")]], 0.5) == []


def test_two_signals_beat_one() -> None:
    words = [evidence(1, 0.9), evidence(2, 0.9)]
    looks = [evidence(2, 0.9, "visual"), evidence(3, 0.95, "visual")]
    assert [r.segment.int for r in fuse([words, looks], 0.5)] == [2, 3, 1]


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 8), st.floats(0, 1)), max_size=8), max_size=4),
    st.floats(0, 1),
)
def test_every_segment_comes_once(lists: list[list[tuple[int, float]]], threshold: float) -> None:
    given_lists = [
        [evidence(s, score, f"s{n}") for s, score in part] for n, part in enumerate(lists)
    ]
    found = fuse(given_lists, threshold)
    assert len({r.segment for r in found}) == len(found)
    assert all(r.score >= threshold for r in found)


def test_one_of_each_asset_is_its_best() -> None:
    ranked = fuse([[evidence(1, 0.9, lineage=7), evidence(2, 0.8, lineage=7), evidence(3, 0.7)]], 0)
    assert [r.segment.int for r in best_of_each(ranked)] == [1, 3]


def test_what_lies_inside_stands_for_what_is_around_it() -> None:
    ranked = fuse([[evidence(2, 0.9), evidence(3, 0.8)], [evidence(1, 0.95, "visual")]], 0.5)
    inside = {UUID(int=2): UUID(int=1), UUID(int=3): UUID(int=1)}
    first, second = absorb(ranked, inside)
    assert (first.segment.int, second.segment.int) == (2, 3)
    assert first.score == 0.95
    assert {e.signal for e in first.evidence} == {"words", "visual"}
    assert absorb(ranked, {}) == ranked


def test_spoken_words_are_placed_in_time() -> None:
    words = [
        {"word": "ask", "start": 1.0, "end": 1.2},
        {"word": "not", "start": 1.3, "end": 1.5},
        {"word": "what", "start": 2.0, "end": 2.4},
    ]
    assert said_at(Snippet("not what", ((0, 3), (4, 8)), 4), words) == (1.3, 2.4)
    assert said_at(Snippet("ask not what", ((0, 3),)), words) == (1.0, 1.2)
    assert said_at(Snippet("ask", ((0, 3),)), []) is None
