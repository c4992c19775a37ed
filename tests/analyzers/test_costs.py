"""On how many units of its cost an analyzer has worked."""

import pytest

from analyzers.api import Cost, Range, Segment
from analyzers.costs import units_of_piece, units_of_segment

UTTERANCE = Segment("utterance", {"time": 1.5}, {"time": 4.0})
PAGES = [Segment("page", {"page": n}, {"page": n}) for n in (1, 2)]


def test_a_segment_is_one_or_its_seconds() -> None:
    assert units_of_segment(Cost(1), UTTERANCE) == 1
    assert units_of_segment(Cost(1, "second"), UTTERANCE) == 2.5
    assert units_of_segment(Cost(1, "second"), PAGES[0]) == 1
    assert units_of_segment(Cost(1, "page"), PAGES[0]) == 1


@pytest.mark.parametrize(
    ("cost", "piece", "units"),
    [
        (Cost(1, "second"), Range("time", 10, 40), 30),
        (Cost(1, "second"), None, 4),
        (Cost(1, "page"), Range("pages", 1, 26), 25),
        (Cost(1, "page"), None, 2),
        (Cost(1, "segment"), None, 3),
        (Cost(1, "file"), Range("pages", 1, 26), 1),
    ],
)
def test_a_piece_is_its_range_or_what_was_found(
    cost: Cost, piece: Range | None, units: float
) -> None:
    assert units_of_piece(cost, piece, [UTTERANCE, *PAGES]) == units


@pytest.mark.parametrize("per", ["second", "page", "segment", "file"])
def test_what_has_no_parts_counts_as_one(per: str) -> None:
    assert units_of_piece(Cost(1, per), None, []) == 1  # type: ignore[arg-type]
