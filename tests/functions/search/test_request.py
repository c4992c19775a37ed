"""What may be asked: each bad field is named, once, and by its own name."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.errors import Invalid
from functions.api.bodies import parse
from functions.search.request import (
    ImageSearch,
    LikeSegment,
    LikeVector,
    SearchRequest,
    SimilarRequest,
)

ID = "07ea35d6-01a2-8cff-9e4e-adfd725fa69d"


def bad(model: Any, raw: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse(model, raw)
    return sorted(refused.value.fields)


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("red boats", "red boats"),
        ({"segment": ID}, LikeSegment(segment=UUID(ID))),
        ({"embedding": [1, 0.5], "space": "s"}, LikeVector(embedding=[1.0, 0.5], space="s")),
    ],
)
def test_every_kind_of_query_is_read(query: Any, read: Any) -> None:
    asked = parse(SearchRequest, {"query": query})
    assert asked.query == read
    assert (asked.limit, asked.threshold, asked.group_by) == (10, 0.5, "segment")
    assert SearchRequest(query=asked.query) == asked


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (None, ["body"]),
        ([], ["body"]),
        ({}, ["query"]),
        ({"query": ""}, ["query"]),
        ({"query": "x" * 2001}, ["query"]),
        ({"query": None}, ["query"]),
        ({"query": ["x"]}, ["query"]),
        ({"query": {}}, ["query.segment"]),
        ({"query": {"segment": "x"}}, ["query.segment"]),
        ({"query": {"segment": ID, "more": 1}}, ["query.more"]),
        ({"query": {"embedding": [], "space": "s"}}, ["query.embedding"]),
        ({"query": {"embedding": [1.0]}}, ["query.space"]),
        ({"query": {"space": "s"}}, ["query.embedding"]),
        ({"query": {"embedding": [1, "2", True], "space": ""}}, [
            "query.embedding.1", "query.embedding.2", "query.space"
        ]),
        ({"query": {"embedding": [0.0] * 4097, "space": "s"}}, ["query.embedding"]),
        ({"query": "x", "limit": 101, "threshold": -1, "group_by": "day", "Odd": 1}, [
            "Odd", "group_by", "limit", "threshold"
        ]),
        ({"query": "x", "limit": 0}, ["limit"]),
        ({"query": "x", "limit": 10**30}, ["limit"]),
        ({"query": "x", "limit": "5"}, ["limit"]),
        ({"query": "x", "limit": True}, ["limit"]),
        ({"query": "x", "limit": 5.0}, ["limit"]),
        ({"query": "x", "include_segments": "yes"}, ["include_segments"]),
        ({"query": "x", "threshold": float("nan")}, ["threshold"]),
        ({"query": "x", "filters": []}, ["filters"]),
    ],
)  # fmt: skip
def test_every_bad_field_is_named(raw: Any, fields: list[str]) -> None:
    assert bad(SearchRequest, raw) == fields


def test_a_whole_number_is_a_threshold_too() -> None:
    assert parse(SearchRequest, {"query": "x", "threshold": 1}).threshold == 1.0


def test_a_form_has_only_text() -> None:
    raw = {"limit": "7", "threshold": "0.25", "group_by": "asset", "include_segments": "false"}
    asked = parse(ImageSearch, raw)
    assert (asked.limit, asked.threshold, asked.include_segments) == (7, 0.25, False)
    assert bad(ImageSearch, {"limit": "many", "threshold": "nan", "query": "x"}) == [
        "limit", "query", "threshold"
    ]  # fmt: skip


def test_similar_names_its_fields() -> None:
    assert bad(SimilarRequest, {"entity_id": "x", "media_types": ["smell"], "threshold": 2}) == [
        "entity_id", "media_types.0", "threshold"
    ]  # fmt: skip


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside),
    max_leaves=8,
)
names = st.sampled_from(sorted(SearchRequest.model_fields)) | st.text(max_size=6)


@given(anything | st.dictionaries(names, anything, max_size=5))
def test_whatever_is_asked_is_read_or_named(raw: Any) -> None:
    fields: dict[str, str] = {}
    try:
        asked = parse(SearchRequest, raw)
        assert 1 <= asked.limit <= 100
        assert 0 <= asked.threshold <= 1
    except Invalid as refused:
        fields = refused.fields
        asked = None
    assert bool(fields) == (asked is None)
    assert not any(tag in name for name in fields for tag in ("~words", "~segment", "~vector"))
