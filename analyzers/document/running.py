"""Headers, footers and page numbers: what stands at the edge of a page and comes again."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analyzers.document.blocks import Role
from analyzers.document.lines import Line

EDGE = 0.12
"""The part of a page's height, at either end, in which they stand."""
NUMBER_EDGE = 0.09
SAME_HEIGHT = 4.0
"""Points by which the height of a header may differ from page to page."""
MOST = 30
"""Lines from either end of a page that are looked at."""
LONGEST = 150
LARGEST = 1.2
"""In sizes of the text."""
DIGITS = re.compile(r"\d+")
PAGE_NUMBER = re.compile(
    r"^(?:[-–—|\s]*)(?:(?:page|seite|p\.|s\.|página|pagina)\s*)?"
    r"(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von|sur|de|di)\s*\d{1,4})?(?:[-–—|\s]*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The lines of one page, and how far from the bottom it begins and ends."""

    number: int
    bottom: float
    top: float
    lines: Sequence[Line]


def running(sheets: Sequence[Sheet], body: float) -> Mapping[int, Mapping[int, Role]]:
    """Return by page, by the index of the line, what is no part of the running text.

    `body` is the size of that text: larger lines are headings, wherever they stand.
    """
    found: dict[int, dict[int, Role]] = defaultdict(dict)
    alike: dict[tuple[Role, str], list[tuple[int, int, float]]] = defaultdict(list)
    for sheet in sheets:
        for index, role, height in _at_the_edge(sheet):
            line, text = sheet.lines[index], sheet.lines[index].text
            if PAGE_NUMBER.match(text) and height <= NUMBER_EDGE * (sheet.top - sheet.bottom):
                found[sheet.number][index] = "page_number"
            elif len(text) <= LONGEST and line.size <= LARGEST * body:
                alike[role, DIGITS.sub("#", text.casefold())].append((sheet.number, index, height))
    for (role, _), places in alike.items():
        for number, index, height in places:
            if any(n != number and abs(h - height) <= SAME_HEIGHT for n, _, h in places):
                found[number][index] = role
    return found


def _at_the_edge(sheet: Sheet) -> Iterator[tuple[int, Role, float]]:
    height, count = sheet.top - sheet.bottom, len(sheet.lines)
    for index in sorted({*range(min(MOST, count)), *range(max(0, count - MOST), count)}):
        line = sheet.lines[index]
        from_top, from_bottom = sheet.top - line.baseline, line.baseline - sheet.bottom
        if 0 <= from_top <= EDGE * height:
            yield index, "header", from_top
        elif 0 <= from_bottom <= EDGE * height:
            yield index, "footer", from_bottom
