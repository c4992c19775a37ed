"""Rows of cells as text that can be searched: each value named by the heading of its column."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analyzers.document.blocks import LONGEST, joined

ROWS_A_GROUP = 10
CELL = 2_000

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class RowGroup:
    first: int
    last: int
    text: str


def cells(values: Iterable[object]) -> list[str]:
    """Return the values of a row as text; empty ones keep their place."""
    return ["" if value is None else joined(str(value)[:CELL]) for value in values]


def has_header(rows: Sequence[Row]) -> bool:
    """Return whether the first row names the columns: every cell filled and none a number."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    first = rows[0]
    return all(first) and len(set(first)) == len(first) and not any(map(numeric, first))


def named(row: Row, header: Row) -> str:
    """Return a row as "column: value" pairs, or its values where the columns have no names."""
    pairs = []
    for at, value in enumerate(row):
        name = header[at] if at < len(header) else ""
        if value:
            pairs.append(f"{name}: {value}" if name else value)
    return "; ".join(pairs)


def grouped(rows: Iterable[tuple[int, Row]], header: Row) -> Iterator[RowGroup]:
    """Yield a few numbered rows at a time: short enough that a hit says where it is."""
    taken: list[tuple[int, str]] = []
    length = 0
    for number, row in rows:
        text = named(row, header)
        if not text:
            continue
        if taken and (length + len(text) > LONGEST or len(taken) == ROWS_A_GROUP):
            yield _group(taken)
            taken, length = [], 0
        taken.append((number, text))
        length += len(text) + 1
    if taken:
        yield _group(taken)


def text_of(rows: Sequence[Row]) -> str:
    """Return a small table as lines of text."""
    header, body = (rows[0], rows[1:]) if has_header(rows) else ((), rows)
    return "\n".join(line for line in (named(row, header) for row in body) if line)


def _group(taken: Sequence[tuple[int, str]]) -> RowGroup:
    return RowGroup(taken[0][0], taken[-1][0], "\n".join(text for _, text in taken))


def numeric(cell: str) -> bool:
    """Return whether a cell holds a number, a date, or the like."""
    return any(c.isdigit() for c in cell) and not any(c.isalpha() for c in cell)
