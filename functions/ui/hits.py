"""Search answers as the page shows them: the passage with its marks, and what speaks for it."""

from collections.abc import Iterator, Sequence
from typing import Any

from functions.ui import places
from schemas.address import Address

Found = dict[str, Any]
Part = tuple[str, bool]
"""A stretch of text, and whether it is marked."""

SOURCES = {
    "written": "written words",
    "spoken": "spoken words",
    "on_screen": "words in the picture",
    "tag": "tags",
    "name": "its name",
}
SPACES = {"text": "meaning", "visual": "look", "near_duplicate": "a copy"}


def shown(hit: Found) -> Found:
    """Return what a template needs of a hit."""
    address = Address.parse(hit["address"])
    others = [_other(hit, each) for each in hit.get("segments", ()) if _is_other(hit, each)]
    return {
        **hit,
        "place": places.words(address, hit["segment_type"]),
        "href": places.link(hit["asset"], address, hit["segment"]),
        "passage": _passage(hit["signals"]),
        "signals": [_signal(signal) for signal in hit["signals"]],
        "others": others,
    }


def _is_other(hit: Found, other: Found) -> bool:
    return bool(other["segment"] != hit["segment"])


def _other(hit: Found, other: Found) -> Found:
    address = Address.parse(other["address"])
    return {
        "place": places.words(address, other["segment_type"]),
        "href": places.link(hit["asset"], address, other["segment"]),
    }


def _passage(signals: Sequence[Found]) -> list[Part]:
    for signal in signals:
        if signal.get("snippet"):
            return marked(signal["snippet"], signal["marks"])
    return []


def marked(text: str, marks: Sequence[Sequence[int]]) -> list[Part]:
    """Return a text in stretches, marked and not."""
    return [part for part in _parts(text, marks) if part[0]]


def _parts(text: str, marks: Sequence[Sequence[int]]) -> Iterator[Part]:
    at = 0
    for start, end in sorted(map(tuple, marks)):
        first = max(at, start)
        yield text[at:first], False
        yield text[first:end], True
        at = max(at, end)
    yield text[at:], False


def _signal(signal: Found) -> Found:
    name = signal["signal"]
    label = SPACES.get(name.partition("/")[0], name)
    return {
        "label": SOURCES.get(signal.get("source", ""), label),
        "score": f"{signal['score']:.2f}",
        "model": signal["model"],
        "fallback": "fallback" in f"{name} {signal['model']}",
    }
