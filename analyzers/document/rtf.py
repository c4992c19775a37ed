"""RTF: its paragraphs and rows of tables as striprtf reads them; objects in it stay closed."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding
from analyzers.document.blocks import Block, clean, joined
from analyzers.document.flow import flowing
from analyzers.document.tables import text_of
from dataflux.errors import MediaFailed
from schemas.names import Reason

START = b"{\\rtf"
CODE_PAGE = re.compile(r"\\ansicpg(\d{1,6})")
WESTERN = "1252"
CELL = "|"


def load() -> None:
    encoding.load()
    list(blocks("{\\rtf1\\ansi\\ansicpg1252 {\\b Warm}\\par a\\cell b\\cell\\row \\u8364?\\'e9}"))


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    return {}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    file.seek(0)
    data = file.read(limits.text_bytes + 1)
    limits.hold("text_bytes", len(data))
    if not data.lstrip().startswith(START):
        raise MediaFailed(Reason.CORRUPT_MEDIA, "the bytes are not text/rtf")
    with decoding("RTF"):
        found = list(blocks(data.decode("latin-1")))
    yield from flowing(found, limits)


def blocks(text: str) -> Iterator[Block]:
    """Yield paragraphs, and tables of the rows that follow each other."""
    from striprtf.striprtf import rtf_to_text

    readable = CODE_PAGE.sub(_readable, text)
    plain = clean(rtf_to_text(readable, errors="replace"))  # type: ignore[no-untyped-call]
    for is_row, lines in groupby(plain.split("\n"), key=lambda line: line.rstrip().endswith(CELL)):
        if is_row:
            yield Block("table", text_of([_cells(line) for line in lines]))
        else:
            yield from (Block("paragraph", joined(line)) for line in lines)


def _readable(match: re.Match[str]) -> str:
    """Return the code page, or that of Western Europe for one there is no codec of."""
    number = match[1] if encoding.known(f"cp{match[1]}") else WESTERN
    return f"\\ansicpg{number}"


def _cells(line: str) -> list[str]:
    return [joined(cell) for cell in line.rstrip().removesuffix(CELL).split(CELL)]
