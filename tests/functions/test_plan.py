"""What follows a stage, from the totals of the stages alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.api import Range
from functions.plan import (
    ANALYZE_WINDOW,
    EMBED_WINDOW,
    SPOKEN,
    Totals,
    first,
    following,
    verdict,
    windows,
)
from schemas.names import RunState, Stage

SEGMENT, STITCH, ANALYZE = Stage.SEGMENT, Stage.STITCH, Stage.ANALYZE


def _stitched(segments: int, visual: int = 0) -> dict[Stage, Totals]:
    counts = {"segments": segments, "visual": visual}
    return {SEGMENT: Totals(done=1), STITCH: Totals(done=1, counts=counts)}


def test_a_file_in_one_piece_needs_no_parameters() -> None:
    assert first([]) == [{}]


def test_each_range_is_a_piece() -> None:
    ranges = [Range("time", 0, 10.5), Range("pages", 1, 3)]
    assert first(ranges) == [{"piece": ["time", 0, 10.5]}, {"piece": ["pages", 1, 3]}]


def test_segments_are_stitched_if_any_piece_succeeded() -> None:
    assert following(SEGMENT, {SEGMENT: Totals(done=3)}) == {STITCH: [{}]}
    assert following(SEGMENT, {SEGMENT: Totals(done=1, failed=5, skipped=2)}) == {STITCH: [{}]}
    assert following(SEGMENT, {SEGMENT: Totals(failed=3)}) == {}
    assert following(SEGMENT, {SEGMENT: Totals(skipped=3)}) == {}


def test_stitched_segments_are_analyzed_and_looked_at_side_by_side() -> None:
    assert following(STITCH, _stitched(20, visual=1)) == {
        ANALYZE: [{"from": 0, "to": 16}, {"from": 16, "to": 20}],
        Stage.EMBED_VISUAL: [{"from": 0, "to": 20}],
    }


def test_without_pictures_nothing_is_looked_at() -> None:
    assert set(following(STITCH, _stitched(20))) == {ANALYZE}


def test_nothing_follows_from_nothing() -> None:
    assert following(STITCH, _stitched(0)) == {}
    assert following(STITCH, {SEGMENT: Totals(done=1), STITCH: Totals(failed=1)}) == {}


@pytest.mark.parametrize("analyzed", [Totals(done=2), Totals(done=1, failed=1), Totals(failed=2)])
def test_texts_are_embedded_whatever_became_of_the_analysis(analyzed: Totals) -> None:
    totals = _stitched(300) | {ANALYZE: analyzed}
    expected = [{"from": 0, "to": 256}, {"from": 256, "to": 300}]
    assert following(ANALYZE, totals) == {Stage.EMBED_TEXT: expected}


def test_only_much_speech_is_parted_into_chapters() -> None:
    totals = _stitched(300) | {ANALYZE: Totals(done=2, counts={"spoken": SPOKEN})}
    assert following(ANALYZE, totals)[Stage.CHAPTERS] == [{"from": 0, "to": 300}]
    totals |= {ANALYZE: Totals(done=2, counts={"spoken": SPOKEN - 1})}
    assert set(following(ANALYZE, totals)) == {Stage.EMBED_TEXT}


@pytest.mark.parametrize("stage", [Stage.EMBED_VISUAL, Stage.EMBED_TEXT, Stage.CHAPTERS])
def test_nothing_follows_embedding(stage: Stage) -> None:
    assert following(stage, _stitched(20, 20) | {stage: Totals(done=1)}) == {}


@given(st.integers(0, 5000), st.sampled_from([1, ANALYZE_WINDOW, EMBED_WINDOW]))
def test_windows_cover_each_segment_once(count: int, size: int) -> None:
    cut = windows(count, size)
    assert [n for w in cut for n in range(w["from"], w["to"])] == list(range(count))
    assert all(0 < w["to"] - w["from"] <= size for w in cut)


@pytest.mark.parametrize(
    ("totals", "state"),
    [
        ({}, RunState.FAILED),
        ({SEGMENT: Totals(failed=1)}, RunState.FAILED),
        ({SEGMENT: Totals(done=1), STITCH: Totals(failed=1)}, RunState.FAILED),
        (_stitched(3), RunState.COMPLETED),
        (_stitched(3) | {ANALYZE: Totals(done=1)}, RunState.COMPLETED),
        (_stitched(3) | {ANALYZE: Totals(done=1, skipped=1)}, RunState.COMPLETED),
        (_stitched(3) | {ANALYZE: Totals(done=1, failed=1)}, RunState.DEGRADED),
        (_stitched(3) | {ANALYZE: Totals(failed=1)}, RunState.DEGRADED),
        (_stitched(3) | {Stage.EMBED_TEXT: Totals(failed=1)}, RunState.DEGRADED),
        (_stitched(3) | {SEGMENT: Totals(done=1, failed=1)}, RunState.DEGRADED),
    ],
)
def test_the_verdict(totals: dict[Stage, Totals], state: RunState) -> None:
    assert verdict(totals) is state


@pytest.mark.parametrize(("counts", "segments"), [({"words": 3}, 40), ({"words": 0}, 0)])
def test_one_analyzer_embeds_texts_only_if_it_changed_words(
    counts: dict[str, int], segments: int
) -> None:
    totals = {ANALYZE: Totals(done=3, counts={"analyzed": 40, **counts})}
    expected = {Stage.EMBED_TEXT: [{"from": 0, "to": segments}]} if segments else {}
    assert following(ANALYZE, totals) == expected
    failed = {ANALYZE: Totals(done=2, failed=1, counts={"analyzed": 24, **counts})}
    assert following(ANALYZE, failed) == {}


def test_long_speech_that_one_analyzer_heard_anew_has_new_chapters() -> None:
    totals = {ANALYZE: Totals(done=1, counts={"analyzed": 9, "words": 9, "spoken": 900})}
    assert following(ANALYZE, totals)[Stage.CHAPTERS] == [{"from": 0, "to": 9}]


@pytest.mark.parametrize(
    ("totals", "state"),
    [
        ({ANALYZE: Totals(done=2)}, RunState.COMPLETED),
        ({ANALYZE: Totals(done=1, failed=1)}, RunState.FAILED),
        ({ANALYZE: Totals(done=2, counts={"failures": 1})}, RunState.FAILED),
        ({ANALYZE: Totals(done=2), Stage.EMBED_TEXT: Totals(failed=1)}, RunState.FAILED),
        ({Stage.EMBED_VISUAL: Totals(done=1)}, RunState.COMPLETED),
    ],
)
def test_a_run_of_one_analyzer_is_whole_or_failed(
    totals: dict[Stage, Totals], state: RunState
) -> None:
    assert verdict(totals) is state
