"""CSV and TSV: one sheet, whose values stay text; nothing in a cell is ever computed."""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding
from analyzers.document.sheets import sheet
from analyzers.document.tables import Row, cells

DELIMITERS = ",;\t|"
LONGEST_FIELD = 200_000_000
"""No field is refused for its length: what is kept of a cell is cut."""


def load() -> None:
    encoding.load()
    csv.field_size_limit(LONGEST_FIELD)


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    decoded = encoding.read(file, limits)
    return {"encoding": decoded.encoding, "delimiter": delimiter(decoded.text)}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    text = encoding.read(file, limits).text
    with decoding("CSV"):
        yield from sheet(1, "", _rows(text), limits)


def delimiter(text: str) -> str:
    """Return the delimiter that splits most of the first lines into the same number of cells."""
    lines = [line for line in text[:20_000].split("\n")[:20] if line.strip()]

    def score(candidate: str) -> tuple[int, int]:
        counts = [line.count(candidate) for line in lines]
        usual = max(counts, key=counts.count, default=0)
        return (counts.count(usual) if usual else 0), usual

    return max(DELIMITERS, key=score)


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text))
    for number, values in enumerate(reader, start=1):
        row = cells(values)
        if any(row):
            yield number, row
