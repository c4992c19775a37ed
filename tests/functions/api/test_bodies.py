"""JSON is read strictly: what parsers disagree on, or no store takes, is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.errors import Malformed
from functions.api.bodies import DEEPEST, loads

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(values)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e400]", "too large"),
        (b"9" * 5000, "no JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (rb'["\u0000"]', "NUL"),
        (rb'{"\u0000": 1}', "NUL"),
        (rb'["\ud800"]', "surrogate"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "deep"),
        (b"[" * 100_000 + b"]" * 100_000, "no JSON"),
    ],
)
def test_what_is_refused_says_why(body: bytes, problem: str) -> None:
    with pytest.raises(Malformed) as refused:
        loads(body, "filters")
    assert problem in refused.value.fields["filters"]


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_malformed(body: bytes) -> None:
    try:
        parsed = loads(body)
    except Malformed:
        return
    assert json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
