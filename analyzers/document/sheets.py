"""A sheet of rows as segments: the sheet, and under it its tables, a few rows at a time.

A sheet often holds several tables: rows or columns without anything in them lie between, and each
names its own columns.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from analyzers.api import Segment, Text
from analyzers.decoding import Limits
from analyzers.document.blocks import Block, cuts
from analyzers.document.flow import written
from analyzers.document.tables import Row, grouped, has_header, numeric
from analyzers.text.language import detect

LOOKED_AT = 200
"""Rows of a stretch that decide where its tables lie beside each other."""
Numbered = tuple[int, Row]


@dataclass(frozen=True, slots=True)
class Table:
    """What lies above a table as its title, the names of its columns, and its other rows."""

    titles: Sequence[Numbered]
    header: Row
    rows: Iterable[Numbered]


def sheet(number: int, name: str, rows: Iterable[Numbered], limits: Limits) -> Iterator[Segment]:
    """Yield the segment of a sheet, then those of its rows, numbered as in the file from 1."""
    key, marker = f"sheet-{number}", {"page": number}
    every = tables(rows)
    first = next(every, None)
    columns = [] if first is None else [column for column in first.header if column][:100]
    names = [Text("written", name, detect(name)[0])] if name else []
    facts: dict[str, Any] = {"name": name, "columns": columns}
    yield Segment(
        "sheet",
        dict(marker),
        dict(marker),
        key=key,
        texts=names,
        features={"technical": {"sheet": facts}},
    )
    count = 0
    for index, table in enumerate(() if first is None else _chained(first, every)):
        for segment in _table(f"{key}-{index}", table, marker, key):
            count += 1
            limits.hold("segments", count)
            yield segment


def _chained(first: Table, others: Iterator[Table]) -> Iterator[Table]:
    yield first
    yield from others


def _table(name: str, table: Table, marker: dict[str, int], parent: str) -> Iterator[Segment]:
    for number, row in table.titles:
        text = " ".join(cell for cell in row if cell)
        place = {**marker, "row": [number, number]}
        yield written(f"{name}-{number}", Block("heading", text, 2), text, place, None, parent)
    facts = {"columns": [column for column in table.header if column][:100]}
    features = {"technical": {"table": facts}} if table.header else {}
    for group in grouped(table.rows, table.header):
        place = {**marker, "row": [group.first, group.last]}
        block = Block("table", group.text, features=features)
        for part, (start, end) in enumerate(cuts(group.text)):
            key = f"{name}-{group.first}-{part}"
            yield written(key, block, group.text[start:end], place, None, parent)


def tables(rows: Iterable[Numbered]) -> Iterator[Table]:
    """Yield the tables of a sheet from the top, those beside each other from the left.

    Each is to be read before the next: of a long one, no more is held than is looked at.
    """
    source = _Source(rows)
    while sample := source.ahead(LOOKED_AT):
        source.skip(len(sample))
        spans = _beside(sample)
        if len(spans) == 1:
            start, end = _span(sample)
            table = _read(_cut(sample, start))
            further = _cut(source.further((start, end)), start)
            yield replace(table, rows=chain(table.rows, further))
            continue
        stretch = [*sample, *source.further(_span(sample))]
        for first, last in spans:
            yield _read([item for item in _cut(stretch, first, last) if any(item[1])])


def _cut(rows: Iterable[Numbered], start: int, end: int | None = None) -> Iterable[Numbered]:
    return ((number, row[start:end]) for number, row in rows)


class _Source:
    """Rows that can be looked at before they are taken."""

    def __init__(self, rows: Iterable[Numbered]) -> None:
        self._rows = iter(rows)
        self._seen: deque[Numbered] = deque()
        self._last = 0

    def ahead(self, most: int) -> list[Numbered]:
        """Return the next rows up to one that is empty."""
        self._seen.extend(islice(self._rows, max(0, most - len(self._seen))))
        found = list(islice(self._seen, most))
        gaps = (at for at in range(1, len(found)) if found[at][0] > found[at - 1][0] + 1)
        return found[: next(gaps, len(found))]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self._last = self._seen.popleft()[0]

    def further(self, span: tuple[int, int]) -> Iterator[Numbered]:
        """Yield what goes on with a table: past an empty row, if no other begins there."""
        while ahead := self.ahead(3):
            if ahead[0][0] > self._last + 1 and _begins(ahead, span):
                return
            self.skip(1)
            yield ahead[0]


def _begins(ahead: Sequence[Numbered], span: tuple[int, int]) -> bool:
    """Return whether another table begins: in other columns, with a title, or with names of its
    own, known by the numbers below them."""
    rows = [row for _, row in ahead]
    start, end = _span(ahead)
    if start != span[0] or end > span[1]:
        return True
    if len(rows) < 2:
        return False
    pairs = zip(rows[0], rows[1], strict=False)
    numbers = any(numeric(below) and not numeric(name) for name, below in pairs)
    return _is_title(rows[0], rows[1]) or (has_header(rows[:2]) and numbers)


def _span(rows: Sequence[Numbered]) -> tuple[int, int]:
    """Return the first column that is used and the one after the last."""
    used = [at for _, row in rows for at, cell in enumerate(row) if cell]
    return min(used, default=0), max(used, default=0) + 1


def _beside(rows: Sequence[Numbered]) -> list[tuple[int, int | None]]:
    """Return from which to which column each table goes; what has one column is no table."""
    used = {at for _, row in rows for at, cell in enumerate(row) if cell}
    spans: list[tuple[int, int | None]] = []
    for at in sorted(used):
        if at - 1 in used:
            spans[-1] = spans[-1][0], at + 1
        else:
            spans.append((at, at + 1))
    narrow = any(end is not None and end - start < 2 for start, end in spans)
    return [(0, None)] if narrow or len(spans) < 2 else spans


def _read(numbered: Iterable[Numbered]) -> Table:
    """Tell the title and the names of the columns from the rows of a table."""
    rows, at = list(numbered), 0
    while at < len(rows) - 2 and _is_title(rows[at][1], rows[at + 1][1]):
        at += 1
    header = rows[at][1] if has_header([row for _, row in rows[at : at + 2]]) else ()
    return Table(rows[:at], header, rows[at + 1 :] if header else rows[at:])


def _is_title(row: Row, below: Row) -> bool:
    """Return whether a row is one cell of words above a row of several."""
    cells = [cell for cell in row if cell]
    wordy = len(cells) == 1 and any(letter.isalpha() for letter in cells[0])
    return wordy and sum(bool(cell) for cell in below) > 1
