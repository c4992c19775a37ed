"""XLSX: sheets and their rows, as last computed; formulas and macros are never run."""

import io
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document.archives import checked
from analyzers.document.blocks import joined
from analyzers.document.sheets import sheet
from analyzers.document.tables import Row, cells


def load() -> None:
    """Write and read a workbook: the library imports its readers when first used."""
    import openpyxl

    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["name", "value"])
    book.active.append(["warm", 1.5])
    book.save(buffer)
    for _ in read(buffer, None, Limits()):
        pass


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    with _opened(file, limits) as book:
        names = [joined(name)[:100] for name in book.sheetnames]
        return {"pages": len(names), "sheets": names[:100]}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    total = 0
    with _opened(file, limits) as book:
        for number, page in enumerate(book.worksheets, start=1):
            for segment in sheet(number, joined(page.title)[:100], _rows(page), limits):
                total += 1
                limits.hold("segments", total)
                yield segment


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[Any]:
    import openpyxl

    with checked(file, limits), decoding("XLSX"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about charts and styles that are not read
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        with closing(book):
            limits.hold("pages", len(book.sheetnames))
            yield book


def _rows(page: Any) -> Iterator[tuple[int, Row]]:
    """Yield the rows with something in them; a sheet may claim a million empty ones.

    How wide it claims to be is not believed: each of those rows would be as wide.
    """
    page.reset_dimensions()
    for number, values in enumerate(page.iter_rows(values_only=True), start=1):
        row = cells(values)
        while row and not row[-1]:
            row.pop()
        if row:
            yield number, row
