"""Addresses: what is written is read as the same, and what is wrong is told."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.address import Address, number

LINEAGE = UUID("07ea1f2c-0000-8000-8000-0123456789ab")
START = f"asset:{LINEAGE}"

_seconds = st.integers(0, 10**12).map(lambda n: n / 1000)
_wholes = st.integers(0, 10**9)


def _spans(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.tuples(numbers, numbers).map(sorted).map(tuple)


addresses = st.builds(
    Address,
    lineage=st.uuids(),
    version=st.none() | st.integers(1, 999_999_999),
    time=_spans(_seconds),
    page=st.none() | _wholes,
    rows=_spans(_wholes),
    chars=_spans(_wholes),
    box=st.none() | st.tuples(*[st.integers(0, 100_000).map(lambda n: n / 1000)] * 4),
)


@given(addresses)
def test_an_address_survives_being_written_and_read(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(st.text(max_size=60) | st.from_regex(r"\Aasset:[0-9a-fA-F-]{36}(@\d+)?(#.*)?"))
def test_no_text_does_worse_than_a_value_error(text: str) -> None:
    try:
        found = Address.parse(text)
    except ValueError:
        return
    assert Address.parse(str(found)) == found or "." in text  # digits beyond the third are cut


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", {}),
        ("#", {}),
        ("#t=12.3,15.8", {"time": (12.3, 15.8)}),
        ("#t=12", {"time": (12, 12)}),
        ("#page=3", {"page": 3}),
        ("#page=3&row=7-9", {"page": 3, "rows": (7, 9)}),
        ("#row=7", {"rows": (7, 7)}),
        ("#char=0,17", {"chars": (0, 17)}),
        ("#xywh=percent:0,1.5,50,100", {"box": (0, 1.5, 50, 100)}),
        ("#t=1&xywh=percent:1,2,3,4", {"time": (1, 1), "box": (1, 2, 3, 4)}),
    ],
)
def test_fragments_are_read(fragment: str, expected: dict[str, Any]) -> None:
    assert Address.parse(START + fragment) == Address(LINEAGE, **expected)
    assert Address.parse(f"{START}@2{fragment}") == Address(LINEAGE, 2, **expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "asset:",
        str(LINEAGE),
        f" {START}",
        f"{START} ",
        f"{START}\n",
        "asset:" + "-" * 36,
        "asset:" + "g" * 36,
        f"{START}@",
        f"{START}@0",
        f"{START}@01",
        f"{START}@-1",
        f"{START}@1234567890",
        f"{START}@1@2",
        f"{START}#t=",
        f"{START}#t=-1",
        f"{START}#t=1e3",
        f"{START}#t=nan",
        f"{START}#t=1,",
        f"{START}#t=5,3",
        f"{START}#t=01",
        f"{START}#t=1&t=2",
        f"{START}#t=1\n",
        f"{START}#page=",
        f"{START}#page=1.5",
        f"{START}#row=9-7",
        f"{START}#char=5",
        f"{START}#char=5,3",
        f"{START}#xywh=1,2,3,4",
        f"{START}#xywh=percent:1,2,3",
        f"{START}#xywh=percent:1,2,3,-4",
        f"{START}#id=x",
        f"{START}#t",
    ],
)
def test_what_is_no_address_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        Address.parse(text)


def test_the_error_quotes_little_of_what_it_was_given() -> None:
    for text in ("x" * 10_000, f"{START}#{'x' * 10_000}"):
        with pytest.raises(ValueError) as raised:
            Address.parse(text)
        assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    ("start", "end", "fragment"),
    [
        ({}, {}, ""),
        ({"time": 12.3}, {"time": 15.8}, "t=12.3,15.8"),
        ({"time": 12.0}, {"time": 12.0}, "t=12"),
        ({"time": 12.0}, {}, "t=12"),
        ({"time": 1.23456}, {"time": 9.99999}, "t=1.235,10"),
        ({"time": [1, 2]}, {"time": [1, 2]}, "t=1,2"),
        ({"page": 3}, {"page": 3}, "page=3"),
        ({"page": 3.0}, {"page": 3.0}, "page=3"),
        ({"page": 2, "row": [5, 9]}, {"page": 2, "row": [5, 9]}, "page=2&row=5-9"),
        ({"row": [5.0, 5.0]}, {"row": [5.0, 5.0]}, "row=5-5"),
        ({"char": [0, 17]}, {"char": [0, 17]}, "char=0,17"),
        ({"page": 2, "char": [3, 8]}, {"page": 2, "char": [3, 8]}, "page=2&char=3,8"),
        (
            {"page": 1, "xywh": [10, 20.5, 30, 40]},
            {"page": 1, "xywh": [10, 20.5, 30, 40]},
            "page=1&xywh=percent:10,20.5,30,40",
        ),
        (
            {"time": 1.5, "xywh": [0, 0, 100, 100]},
            {"time": 1.5, "xywh": [0, 0, 100, 100]},
            "t=1.5&xywh=percent:0,0,100,100",
        ),
    ],
)
def test_markers_have_an_address(start: dict[str, Any], end: dict[str, Any], fragment: str) -> None:
    address = Address.of(LINEAGE, 1, start, end)
    assert address.fragment == fragment
    assert str(address) == f"{START}@1" + (f"#{fragment}" if fragment else "")
    assert Address.parse(str(address)).fragment == fragment


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (100, "100"), (0.5, "0.5"), (1.0004, "1"), (10.25, "10.25")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
