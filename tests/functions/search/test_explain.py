"""What a hit says of itself: its place, its picture, and what speaks for it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.search.explain import Explained, said_at
from functions.search.fuse import Ranked, moments_of
from functions.search.signals import Evidence
from schemas.address import Address
from stores.records.found import Found
from stores.records.snippet import Snippet
from stores.records.words import TextMatch

SEGMENT, PARENT, ASSET = (UUID(int=n) for n in (1, 2, 3))
PLACE = Found(
    SEGMENT, PARENT, ASSET, ASSET, 2, "video", "film.mp4", "video/mp4", "scene",
    {"time": 6.0}, {"time": 8.5},
)  # fmt: skip
NONE: Mapping[str, str] = {}
WORDS = [
    {"word": "ask", "start": 6.0, "end": 6.2},
    {"word": "not", "start": 6.3, "end": 6.5},
    {"word": "what", "start": 7.0, "end": 7.4},
]


def words(source: str, snippet: Snippet) -> Evidence:
    found = TextMatch(SEGMENT, ASSET, ASSET, SEGMENT, source, 0.9, 1.0, ("not",), snippet)
    return Evidence("words", SEGMENT, ASSET, 0.91234, "words", found)


def ranked(*evidence: Evidence, segment: UUID = SEGMENT, lineage: UUID = ASSET) -> Ranked:
    return Ranked(segment, lineage, evidence[0].score, 1.0, evidence)


def explained(place: Found = PLACE, pictures: Mapping[str, str] = NONE) -> Explained:
    entities = {"segment": SEGMENT, "parent": PARENT, "asset": ASSET}
    return Explained(
        {place.segment: place},
        {entities[name]: kind for name, kind in pictures.items()},
        {SEGMENT: WORDS},
    )


def hit(found: Explained, *evidence: Evidence) -> dict[str, Any]:
    (only,) = found.hits([ranked(*evidence)])
    return only


LOOK = Evidence("visual/x@1", SEGMENT, ASSET, 0.7, "fallback", detail={"cosine": 0.5})
SAID = words("spoken", Snippet("ask not what", ((4, 7),)))
READ = words("written", Snippet("ask not what", ((4, 7),)))


def test_a_hit_has_an_address_and_all_that_speaks_for_it() -> None:
    found = hit(explained(), READ, LOOK)
    assert Address.parse(found["address"]) == Address(ASSET, 2, time=(6.0, 8.5))
    assert found["score"] == 0.9123
    first, second = found["signals"]
    assert first["snippet"][slice(*first["marks"][0])] == "not"
    assert (first["source"], first["terms"], first["model"]) == ("written", ["not"], "words")
    assert (second["signal"], second["model"], second["cosine"]) == ("visual/x@1", "fallback", 0.5)
    assert "snippet" not in second


def test_spoken_words_are_pointed_at_where_they_were_said() -> None:
    assert hit(explained(), SAID)["address"].endswith("#t=6.3,6.5")
    assert hit(explained(), LOOK, SAID)["start"] == {"time": 6.3}
    assert hit(replace(explained(), spoken={}), SAID)["address"].endswith("#t=6,8.5")
    assert hit(explained(), READ)["address"].endswith("#t=6,8.5")


@pytest.mark.parametrize(
    ("pictures", "path"),
    [
        ({}, None),
        ({"asset": "poster"}, f"/api/v1/assets/{ASSET}/renditions/poster"),
        (
            {"asset": "poster", "parent": "thumbnail"},
            f"/api/v1/segments/{PARENT}/renditions/thumbnail",
        ),
        (
            {"parent": "thumbnail", "segment": "thumbnail"},
            f"/api/v1/segments/{SEGMENT}/renditions/thumbnail",
        ),
    ],
)
def test_the_nearest_picture_is_shown(pictures: dict[str, str], path: str | None) -> None:
    assert hit(explained(pictures=pictures), LOOK)["thumbnail"] == path


def test_a_root_has_its_asset_around_it() -> None:
    root = explained(replace(PLACE, parent=ASSET), {"asset": "thumbnail"})
    assert hit(root, LOOK)["thumbnail"] == f"/api/v1/assets/{ASSET}/renditions/thumbnail"


def test_what_was_deleted_this_instant_is_left_out() -> None:
    gone = ranked(LOOK, segment=UUID(int=99))
    assert list(explained().hits([gone])) == explained().moments([gone]) == []


def test_the_first_few_moments_of_each_asset_are_shown() -> None:
    some = [ranked(LOOK, segment=UUID(int=100 + n), lineage=UUID(int=n % 2 + 1)) for n in range(40)]
    inside = moments_of(some[:1], some)
    assert list(inside) == [UUID(int=1)]
    assert [each.segment.int for each in inside[UUID(int=1)]] == list(range(100, 120, 2))


spoken = st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=5), min_size=1)


@given(spoken, st.data())
def test_any_marked_words_are_placed_by_the_words_they_are(said: list[str], data: Any) -> None:
    timed = [{"word": w, "start": n * 1.0, "end": n + 0.5} for n, w in enumerate(said)]
    first = data.draw(st.integers(0, len(said) - 1))
    last = data.draw(st.integers(first, len(said) - 1))
    starts = [sum(len(w) + 1 for w in said[:n]) for n in range(len(said))]
    marks = tuple((starts[n], starts[n] + len(said[n])) for n in range(first, last + 1))
    assert said_at(Snippet(" ".join(said), marks), timed) == (first * 1.0, last + 0.5)
