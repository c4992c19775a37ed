"""DOCX: paragraphs, headings and tables of the body, in order; nothing linked is fetched."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document.archives import checked
from analyzers.document.blocks import Block, joined
from analyzers.document.flow import flowing
from analyzers.document.tables import text_of

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
CELLS = "./w:tc | ./w:sdt/w:sdtContent/w:tc"
BREAKS = {W + "tab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "-"}
CONTAINERS = {W + "sdt", W + "sdtContent", W + "ins", W + "customXml", W + "smartTag"}


def load() -> None:
    """Write and read a document: the library reads its template only here."""
    import docx

    document, buffer = docx.Document(), io.BytesIO()
    document.add_heading("Warm", 1)
    document.add_table(1, 1).cell(0, 0).text = "up"
    document.save(buffer)
    for _ in read(buffer, None, Limits()):
        pass
    metadata(buffer, Limits())


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    with _opened(file, limits) as document:
        core = document.core_properties
        found = {name: joined(getattr(core, name) or "")[:500] for name in ("title", "author")}
        return {name: value for name, value in found.items() if value}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    with _opened(file, limits) as document:
        levels = _heading_levels(document)
        yield from flowing(_blocks(document.element.body, levels), limits)


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[Any]:
    import docx

    with checked(file, limits), decoding("DOCX"):
        yield docx.Document(file)


def _heading_levels(document: Any) -> dict[str, int]:
    """Return the level of each style that is a heading; built-in names are always English."""
    levels = {}
    for style in document.styles:
        words = str(style.name or "").lower().split()
        if words == ["title"]:
            levels[style.style_id] = 1
        elif len(words) == 2 and words[0] == "heading" and words[1].isdigit():
            levels[style.style_id] = max(1, int(words[1]))
    return levels


def _blocks(body: Any, levels: dict[str, int]) -> Iterator[Block]:
    for element in body:
        if element.tag == W + "p":
            yield _paragraph(element, levels)
        elif element.tag == W + "tbl":
            yield Block("table", text_of(_rows(element)))
        elif element.tag in CONTAINERS:
            yield from _blocks(element, levels)


def _paragraph(element: Any, levels: dict[str, int]) -> Block:
    style = element.find(f"{W}pPr/{W}pStyle")
    level = None if style is None else levels.get(style.get(W + "val", ""))
    return Block("heading" if level else "paragraph", joined(_text(element)), level)


def _rows(table: Any) -> list[list[str]]:
    return [
        [joined(_text(cell)) for cell in row.xpath(CELLS)] for row in table.iterchildren(W + "tr")
    ]


def _text(element: Any) -> str:
    """Return the text of an element, inserted text and text boxes included, deleted text not."""
    parts = []
    for node in element.iter():
        if node.tag in (W + "t", MATH_TEXT) and not _doubled(node):
            parts.append(node.text or "")
        elif node.tag == W + "p" and parts:
            parts.append("\n")
        elif node.tag in BREAKS:
            parts.append(BREAKS[node.tag])
    return "".join(parts)


def _doubled(node: Any) -> bool:
    """Text boxes are written twice: once more for programs that do not know them."""
    return next(node.iterancestors(FALLBACK), None) is not None
