"""The address of a moment: `asset:<lineage>@<n>#t=12.3,15.8`, the same everywhere.

Fragments follow W3C Media Fragments: t (seconds), xywh (percent); and ours: page, row, char.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

_ADDRESS = re.compile(r"asset:([0-9a-fA-F-]{36})(?:@([1-9][0-9]{0,8}))?(?:#(.*))?")
_NUMBER = r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,6})?"
_WHOLE = r"(?:0|[1-9][0-9]{0,11})"
_PARTS = {
    "t": re.compile(rf"({_NUMBER})(?:,({_NUMBER}))?"),
    "page": re.compile(rf"({_WHOLE})"),
    "row": re.compile(rf"({_WHOLE})(?:-({_WHOLE}))?"),
    "char": re.compile(rf"({_WHOLE}),({_WHOLE})"),
    "xywh": re.compile(rf"percent:({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})"),
}

Span = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Address:
    """A moment in a version of a lineage; without a version, in the latest."""

    lineage: UUID
    version: int | None = None
    time: Span | None = None
    page: int | None = None
    rows: tuple[int, int] | None = None
    chars: tuple[int, int] | None = None
    box: Box | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; raise ValueError that says what is wrong with it."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:100]!r} is no address; they look like asset:<id>@1#t=12.3")
        version = int(match[2]) if match[2] else None
        return cls(UUID(match[1]), version, **dict(_read(match[3] or "")))

    @classmethod
    def of(
        cls, lineage: UUID, version: int | None, start: Mapping[str, Any], end: Mapping[str, Any]
    ) -> Self:
        """Return the address of what lies between two markers."""
        return cls(
            lineage,
            version,
            time=_pair(start, end, "time"),
            page=int(start["page"]) if "page" in start else None,
            rows=_whole(_pair(start, end, "row")),
            chars=_whole(_pair(start, end, "char")),
            box=tuple(start["xywh"]) if "xywh" in start else None,
        )

    @property
    def fragment(self) -> str:
        return "&".join(self._fragments())

    def _fragments(self) -> Iterator[str]:
        if self.page is not None:
            yield f"page={self.page}"
        if self.rows is not None:
            yield f"row={self.rows[0]}-{self.rows[1]}"
        if self.time is not None:
            start, end = map(number, self.time)
            yield f"t={start},{end}" if end != start else f"t={start}"
        if self.chars is not None:
            yield f"char={self.chars[0]},{self.chars[1]}"
        if self.box is not None:
            yield "xywh=percent:" + ",".join(map(number, self.box))

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        return f"asset:{self.lineage}{version}" + (f"#{self.fragment}" if self.fragment else "")


def number(value: float) -> str:
    """Return a number with up to three decimals, without trailing zeros."""
    return f"{value + 0.0:.3f}".rstrip("0").rstrip(".")  # adding makes -0.0 a zero


def _read(fragment: str) -> Iterator[tuple[str, Any]]:
    names = set()
    for part in filter(None, fragment.split("&")):
        name, _, value = part.partition("=")
        match = _PARTS[name].fullmatch(value) if name in _PARTS else None
        if match is None or name in names:
            raise ValueError(f"{part[:60]!r} is no part of an address; known: {', '.join(_PARTS)}")
        names.add(name)
        yield from _field(name, match)


def _field(name: str, match: re.Match[str]) -> Iterator[tuple[str, Any]]:
    first, second = match[1], match[2] if match.re.groups > 1 else None
    if name != "xywh" and second and float(second) < float(first):
        raise ValueError(f"{match.string[:60]!r} is no span: it ends before it begins")
    match name:
        case "t":
            yield "time", (float(first), float(second or first))
        case "page":
            yield "page", int(first)
        case "row":
            yield "rows", (int(first), int(second or first))
        case "char":
            yield "chars", (int(first), int(second or first))
        case "xywh":
            yield "box", tuple(map(float, match.groups()))


def _pair(start: Mapping[str, Any], end: Mapping[str, Any], name: str) -> Span | None:
    """Return what a name spans: from one marker to the other, or the pair that both hold."""
    value = start.get(name)
    if value is None or isinstance(value, list):
        return None if value is None else (value[0], value[1])
    return value, end.get(name, value)


def _whole(pair: Span | None) -> tuple[int, int] | None:
    return None if pair is None else (int(pair[0]), int(pair[1]))
