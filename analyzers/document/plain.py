"""Plain text: paragraphs are what blank lines separate; the rendition is the file's own text."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits
from analyzers.document import encoding
from analyzers.document.blocks import Block, cuts
from analyzers.document.flow import rendition, written
from analyzers.text.language import detect
from dataflux.errors import MediaFailed
from schemas.names import Reason

BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")


def load() -> None:
    encoding.load()


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    decoded = encoding.read(file, limits)
    return {
        "characters": len(decoded.text),
        "encoding": decoded.encoding,
        "replaced_bytes": decoded.replaced,
    }


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    text = encoding.read(file, limits).text
    default = detect(text[:4_000])[0]
    places = list(islice(_paragraphs(text), limits.segments + 1))
    limits.hold("segments", len(places))  # before the first: half a book helps nobody
    if not places:
        raise MediaFailed(Reason.EMPTY_MEDIA, "the document has no text")
    for number, (start, end) in enumerate(places):
        block = Block("paragraph", text[start:end])
        marker = {"char": [start, end]}
        yield written(f"block-{number}", block, block.text, marker, default, None)
    yield rendition(text)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each paragraph, or part of a long one, starts and ends."""
    at = 0
    for gap in BLANK_LINE.finditer(text):
        yield from _parts(text, at, gap.start())
        at = gap.end()
    yield from _parts(text, at, len(text))


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for first, last in cuts(text[start:end]):
        body = text[start + first : start + last]
        if body.strip():
            lead = len(body) - len(body.lstrip())
            yield start + first + lead, start + first + len(body.rstrip())
