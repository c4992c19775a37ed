"""Places in words and as links."""

from uuid import UUID

import pytest

from functions.ui import history, hits, places, reasons
from schemas.address import Address
from schemas.names import Reason

ID = UUID("07ea35d6-01a2-8cff-9e4e-adfd725fa69d")


@pytest.mark.parametrize(
    ("fragment", "kind", "words"),
    [
        ("", "", "the whole of it"),
        ("t=6,8.5", "scene", "0:06 to 0:08"),
        ("t=3725", "", "1:02:05"),
        ("page=4", "page", "page 4"),
        ("page=2&row=3-3", "table", "sheet 2, row 3"),
        ("page=2&row=3-9", "", "sheet 2, rows 3 to 9"),
        ("page=2", "slide", "slide 2"),
        ("char=10,30", "", "characters 10 to 30"),
        ("xywh=percent:0,0,100,100", "image", "the whole picture"),
        ("t=1&xywh=percent:70,80,20,10", "region", "0:01, bottom right"),
    ],
)
def test_a_place_in_words(fragment: str, kind: str, words: str) -> None:
    address = Address.parse(f"asset:{ID}" + (f"#{fragment}" if fragment else ""))
    assert places.words(address, kind) == words


def test_a_link_can_be_read_back() -> None:
    address = Address.parse(f"asset:{ID}#t=6,8&xywh=percent:1,2,3,4")
    assert places.link(ID, Address(ID)) == f"/view/{ID}"
    assert places.link(ID, address, ID) == (
        f"/view/{ID}?at=t%3D6%2C8%26xywh%3Dpercent%3A1%2C2%2C3%2C4&segment={ID}"
    )


@pytest.mark.parametrize(
    ("marks", "parts"),
    [
        ([], [("trains go", False)]),
        ([[0, 6]], [("trains", True), (" go", False)]),
        ([[7, 9], [0, 6]], [("trains", True), (" ", False), ("go", True)]),
        ([[0, 6], [3, 9]], [("trains", True), (" go", True)]),
        ([[0, 9], [2, 4]], [("trains go", True)]),
    ],
)
def test_marks_split_a_text_without_losing_any(
    marks: list[list[int]], parts: list[tuple[str, bool]]
) -> None:
    assert hits.marked("trains go", marks) == parts


def test_every_reason_has_words() -> None:
    assert set(reasons.WORDS) == set(Reason)
    assert reasons.words(None) == ""
    assert reasons.words("of_another_time") == "of_another_time"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2**40, "1.1 TB")]
)
def test_a_size_in_words(count: int, words: str) -> None:
    assert history.size(count) == words
