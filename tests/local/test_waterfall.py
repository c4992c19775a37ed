"""The trail of an asset as bars."""

from typing import Any

from local import waterfall


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:06.3f}Z"


def attempt(n: int, began: float, ended: float | None, outcome: str | None) -> dict[str, Any]:
    return {
        "n": n,
        "claimed_at": at(began),
        "ended_at": None if ended is None else at(ended),
        "outcome": outcome,
        "error": None,
    }


def run(*pieces: list[dict[str, Any]], indexed: float | None = None) -> dict[str, Any]:
    return {
        "created_at": at(0),
        "indexed_at": None if indexed is None else at(indexed),
        "stages": [
            {
                "stage": "segment",
                "opened_at": at(0),
                "pieces": [{"index": i, "attempts": list(a)} for i, a in enumerate(pieces)],
            }
        ],
    }


def test_a_bar_has_its_wait_its_work_and_its_outcome() -> None:
    (bar,) = waterfall.bars(run([attempt(1, 2, 6, "done")]))
    assert (bar.label, bar.waited_from, bar.began, bar.ended) == ("segment[0]", 0.0, 2.0, 6.0)
    assert bar.outcome == "done"


def test_attempts_are_told_apart_and_go_by_time() -> None:
    found = waterfall.bars(
        run([attempt(1, 1, 2, "released"), attempt(2, 5, 6, "done")], [attempt(1, 3, 4, "done")])
    )
    assert [bar.label for bar in found] == ["segment[0]", "segment[1]", "segment[0] #2"]


def test_what_still_runs_says_so() -> None:
    (line,) = waterfall.lines(run([attempt(1, 1, None, None)]))
    assert line.rstrip().endswith("running")


def test_lines_show_dots_for_the_wait_and_blocks_for_the_work() -> None:
    line, searchable = waterfall.lines(run([attempt(1, 5, 10, "done")], indexed=10))
    assert (line.count("·"), line.count("█")) == (19, 20)
    assert "waited 5.00 s" in line
    assert "searchable" in searchable


def test_many_pieces_are_cut_short() -> None:
    pieces = [[attempt(1, n, n + 1, "done")] for n in range(20)]
    lines = list(waterfall.lines(run(*pieces), most=5))
    assert lines[5].strip() == "… and 15 more"


def test_a_run_that_has_not_begun_has_no_lines() -> None:
    assert list(waterfall.lines(run([]))) == []


def test_the_wait_for_a_cold_start_is_told() -> None:
    cold, warm = attempt(1, 2, 6, "done") | {"cold_s": 1.25}, attempt(1, 3, 6, "done")
    one, other = waterfall.lines(run([cold], [warm]))
    assert "(waited 2.00 s, 1.25 s of it for a cold start)" in one
    assert "cold" not in other
