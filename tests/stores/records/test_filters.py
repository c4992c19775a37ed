"""Filters select what they say, and name every mistake."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from dataflux.errors import Invalid
from stores.records.filters import FIELDS, condition
from tests.world import World


def _passing(world: World, filters: Any) -> set[UUID]:
    where = condition(filters)
    query = sql.SQL("SELECT s.id FROM search_segments s WHERE {}").format(where.sql)
    with world.app() as conn:
        return {row[0] for row in conn.execute(query, where.params).fetchall()}


VIENNA = {
    "local": "2024-05-01T23:30:00.5",
    "utc": "2024-05-01T21:30:00.5",
    "latitude": 48.2082,
    "longitude": 16.3738,
}
FIJI = {"local": "2024-06-01T08:00:00", "latitude": -17.7, "longitude": 178.0}


@pytest.fixture
def things(world: World) -> dict[str, UUID]:
    collection = world.collection()
    film = world.asset(collection, created=datetime(2026, 3, 1, tzinfo=UTC))
    page = world.asset(
        kind="document", mime="application/pdf", created=datetime(2026, 5, 1, tzinfo=UTC)
    )
    made = {
        "start": world.segment(film, 0, "hello", start=0.0, end=10.0, language="en"),
        "end": world.segment(film, 1, "bonjour", start=10.0, end=20.0, language="fr"),
        "page": world.segment(page, 0, type="page"),
    }
    world.text(made["end"], "Beach", 1, "tag")
    world.feature(made["start"], "visual", "colors", {"names": ["red", "blue"], "count": 2})
    world.feature(made["end"], "visual", "colors", {"names": ["green"], "count": 1})
    world.feature(made["end"], "visual", "quality", {"sharp": True, "by": {"eye": "good"}})
    world.feature(made["start"], "technical", "video", {"codec": "h264", "fps": 25.0})
    world.feature(made["start"], "technical", "capture", VIENNA)
    world.feature(made["page"], "technical", "capture", FIJI)
    world.feature(made["page"], "semantic", "language", {"code": "en"})
    return {**made, "film": film, "collection": collection}


def near(latitude: float, longitude: float, km: float) -> Any:
    return {"place": {"near": {"latitude": latitude, "longitude": longitude, "km": km}}}


def box(west: float, south: float, east: float, north: float) -> Any:
    return {"place": {"box": {"west": west, "south": south, "east": east, "north": north}}}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (None, "start end page"),
        ({}, "start end page"),
        ({"kind": {"eq": "video"}}, "start end"),
        ({"kind": {"ne": "video"}}, "page"),
        ({"kind": {"in": ["video", "document"]}}, "start end page"),
        ({"mime": {"prefix": "application/"}}, "page"),
        ({"type": {"eq": "page"}}, "page"),
        ({"time": {"gte": "2026-05-01T00:00:00Z"}}, "page"),
        ({"time": {"gt": "2026-02-01T00:00:00+01:00", "lt": "2026-04-01T00:00:00Z"}}, "start end"),
        ({"captured": {"gte": "2024-05", "lt": "2024-06"}}, "start end"),
        ({"captured": {"eq": "2024-05-01"}}, "start end"),
        ({"captured": {"lte": "2024-05-01"}}, "start end"),
        ({"captured": {"gt": "2024-05-01"}}, "page"),
        ({"captured": {"lt": "2024-05-01"}}, ""),
        ({"captured": {"gte": "2024"}}, "start end page"),
        ({"captured": {"gte": "2024-05-01T23:30:00+02:00"}}, "start end"),
        ({"captured": {"lt": "2024-05-01T21:30:00Z"}}, ""),
        (near(48.2, 16.4, 5), "start end"),
        (near(48.2, 16.4, 1), ""),
        (near(-17.7, -179.0, 330), "page"),
        (box(16, 48, 17, 49), "start end"),
        (box(170, -20, -170, -10), "page"),
        (box(-170, -20, 170, -10), ""),
        ({"at": {"eq": 12.5}}, "end"),
        ({"at": {"eq": 10}}, "start end"),
        ({"at": {"lt": 10}}, "start"),
        ({"at": {"gt": 10}}, "end"),
        ({"at": {"gte": 3, "lte": 4}}, "start"),
        ({"tag": {"eq": "beach"}}, "end"),
        ({"tag": {"eq": "BEACH"}}, "end"),
        ({"tag": {"ne": "beach"}}, "start page"),
        ({"tag": {"prefix": "bea"}}, "end"),
        ({"language": {"in": ["fr", "de"]}}, "end"),
        ({"domain": {"eq": "semantic"}}, "page"),
        ({"domain": {"ne": "semantic"}}, "start end"),
        ({"feature.visual.colors.names": {"eq": "red"}}, "start"),
        ({"feature.visual.colors.names": {"in": ["green", "blue"]}}, "start end"),
        ({"feature.visual.colors.names": {"ne": "red"}}, "end page"),
        ({"feature.visual.colors.names": {"prefix": "gr"}}, "end"),
        ({"feature.visual.colors.count": {"gte": 2}}, "start"),
        ({"feature.visual.colors.count": {"lt": 2}}, "end"),
        ({"feature.visual.colors.count": {"gt": "a"}}, ""),
        ({"feature.visual.quality.sharp": {"eq": True}}, "end"),
        ({"feature.visual.quality.by.eye": {"eq": "good"}}, "end"),
        ({"feature.technical.video.codec": {"eq": "h264"}}, "start end"),
        ({"feature.technical.video.fps": {"gt": 24}}, "start end"),
        ({"feature.technical.video.codec": {"ne": "h264"}}, "page"),
        ({"or": [{"type": {"eq": "page"}}, {"at": {"eq": 1}}]}, "start page"),
        ({"kind": {"eq": "video"}, "or": [{"at": {"eq": 1}}, {"at": {"eq": 11}}]}, "start end"),
        ({"or": [{"or": [{"at": {"eq": 1}}]}, {"tag": {"eq": "beach"}, "at": {"eq": 1}}]}, "start"),
    ],
    ids=json.dumps,
)
def test_a_filter_selects(world: World, things: dict[str, UUID], filters: Any, names: str) -> None:
    assert _passing(world, filters) == {things[name] for name in names.split()}


def test_assets_and_collections_select(world: World, things: dict[str, UUID]) -> None:
    film, collection = str(things["film"]), str(things["collection"])
    parts = {things["start"], things["end"]}
    assert _passing(world, {"asset": {"eq": film}}) == parts
    assert _passing(world, {"collection": {"in": [collection]}}) == parts
    assert _passing(world, {"collection": {"ne": collection}}) == {things["page"]}


def test_every_mistake_is_named() -> None:
    filters = {
        "colour": {"eq": "red"},
        "kind": {"eq": "film"},
        "time": {"eq": "yesterday", "like": "2026"},
        "mime": "video/mp4",
        "at": {"gt": float("nan")},
        "tag": {"in": []},
        "asset": {"eq": "12"},
        "feature.visual.colors": {"eq": 1},
        "feature.smell.kind.name": {"eq": 1},
        'feature.visual.a.b"c': {"eq": 1},
        "or": [{"speed": {"eq": 1}}, "x"],
    }
    with pytest.raises(Invalid, match="mend the named fields") as error:
        condition(filters)
    assert set(error.value.fields) == (set(filters) - {"or"}) | {"speed", "or[1]"}
    assert "known are kind, time" in error.value.fields["colour"]
    assert error.value.fields["kind"] == "must be one of video, audio, image, document"


@pytest.mark.parametrize(
    "filters",
    [
        [],
        "kind",
        {"or": []},
        {"or": {"kind": {"eq": "video"}}},
        {"time": {"eq": "2026-01-01T00:00:00"}},
        {"time": {"eq": "0001-01-01T00:00:00+23:00"}},
        {"tag": {"eq": "nul\x00"}},
        {"tag": {"eq": "\ud800"}},
        {"at": {"eq": True}},
        {"at": {"eq": 10**400}},
        {"tag": {"eq": "x" * 1_000}},
        {"tag": {"in": ["x"] * 101}},
        {"or": [{"at": {"eq": 1}}] * 65},
        {"or": [{"or": [{"or": [{"or": [{"at": {"eq": 1}}]}]}]}]},
        {"kind": {}},
        {"captured": {"eq": "May 2024"}},
        {"captured": {"in": ["2024"]}},
        {"place": {"eq": 1}},
        {"place": {"near": [48, 16, 5]}},
        {"place": {"near": {"latitude": 95, "longitude": 0, "km": 1}}},
        {"place": {"near": {"latitude": 5, "longitude": 0, "km": -1}}},
        {"place": {"near": {"latitude": 5, "longitude": 0}}},
        {"place": {"box": {"west": 0, "south": 5, "east": 1, "north": 4}}},
    ],
)
def test_a_bad_filter_is_refused(filters: Any) -> None:
    with pytest.raises(Invalid) as error:
        condition(filters)
    assert error.value.fields


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
_NAMES = st.sampled_from([*FIELDS, "or", "feature.visual.a.b", "feature.technical.x.y.z"])
_OPS = st.sampled_from(["eq", "ne", "in", "gt", "gte", "lt", "lte", "prefix"])
_TESTS = st.dictionaries(_OPS, _VALUES | st.lists(_VALUES, max_size=3), max_size=2)
_FILTERS = st.dictionaries(_NAMES, _TESTS | _VALUES | st.lists(_VALUES, max_size=2), max_size=3)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(filters=_FILTERS)
def test_whatever_is_sent_is_refused_or_runs(world: World, filters: Any) -> None:
    try:
        where = condition(filters)
    except Invalid:
        return
    query = sql.SQL("SELECT s.id FROM search_segments s WHERE {} LIMIT 1").format(where.sql)
    with world.app() as conn:
        conn.execute(query, where.params)
