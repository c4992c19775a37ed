"""ODT: what a text document says, in its order: headings, lists, tables, notes and pictures."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document.archives import checked, markup
from analyzers.document.blocks import Block, Role, joined
from analyzers.document.flow import flowing
from analyzers.document.tables import text_of
from dataflux.errors import MediaFailed
from schemas.names import Reason

OASIS = "{urn:oasis:names:tc:opendocument:xmlns:"
TEXT, TABLE, DRAW = f"{OASIS}text:1.0}}", f"{OASIS}table:1.0}}", f"{OASIS}drawing:1.0}}"
OFFICE, STYLE = f"{OASIS}office:1.0}}", f"{OASIS}style:1.0}}"
SVG = f"{OASIS}svg-compatible:1.0}}"
MANIFEST = f"{OASIS}manifest:1.0}}"
HREF = "{http://www.w3.org/1999/xlink}href"
DC = "{http://purl.org/dc/elements/1.1/}"
SKIPPED = frozenset(
    {TEXT + "tracked-changes", TEXT + "sequence-decls", OFFICE + "forms", TEXT + "variable-decls"}
)
MOST_REPEATED = 1_000
"""Cells and rows may say that they are there a million times; those are empty."""


def load() -> None:
    """Nothing is loaded: the parser of lxml is that of the other formats."""
    from lxml import etree  # noqa: F401


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    with _opened(file, limits) as archive:
        meta = markup(archive, "meta.xml")
    if meta is None:
        return {}
    names = {"title": f".//{DC}title", "author": f".//{DC}creator", "subject": f".//{DC}subject"}
    found = {name: joined(meta.findtext(path) or "")[:500] for name, path in names.items()}
    return {name: value for name, value in found.items() if value}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    with _opened(file, limits) as archive:
        found = list(_whole(archive))
    yield from flowing(found, limits)


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[zipfile.ZipFile]:
    with checked(file, limits) as archive, decoding("ODT"):
        manifest = markup(archive, "META-INF/manifest.xml")
        if manifest is not None and manifest.find(f".//{MANIFEST}encryption-data") is not None:
            raise MediaFailed(Reason.ENCRYPTED_DOCUMENT, "it needs a password")
        yield archive


def _whole(archive: zipfile.ZipFile) -> Iterator[Block]:
    """Yield the headers of the pages, the body, its notes and the footers."""
    content = markup(archive, "content.xml")
    if content is None:
        raise MediaFailed(Reason.CORRUPT_MEDIA, "a text document without its content")
    reader = _Reader(archive, _numbered_lists(content))
    styles = markup(archive, "styles.xml")
    yield from _edges(reader, styles, "header")
    body = content.find(f".//{OFFICE}text")
    if body is not None:
        yield from reader.blocks(body, _Inside())
    yield from reader.notes
    yield from _edges(reader, styles, "footer")


def _edges(reader: "_Reader", styles: Any, name: Role) -> Iterator[Block]:
    """Yield each header or footer once, however many kinds of pages have it."""
    if styles is None:
        return
    seen: set[str] = set()
    for edge in styles.iter(f"{STYLE}{name}", f"{STYLE}{name}-first", f"{STYLE}{name}-left"):
        for block in reader.blocks(edge, _Inside(role=name)):
            if block.text not in seen:
                seen.add(block.text)
                yield block


def _numbered_lists(content: Any) -> frozenset[str]:
    """Return the names of the list styles whose first level is numbered."""
    return frozenset(
        style.get(STYLE + "name", "")
        for style in content.iter(TEXT + "list-style")
        if style.find(TEXT + "list-level-style-number") is not None
    )


@dataclass(frozen=True, slots=True)
class _Inside:
    """What an element stands in."""

    depth: int = 0
    ordered: bool = False
    role: Role | None = None


@dataclass(slots=True)
class _Run:
    """The text of one paragraph and what is anchored in it."""

    parts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[Block] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, numbered: frozenset[str]) -> None:
        self._archive, self._numbered = archive, numbered
        self.notes: list[Block] = []

    def blocks(self, parent: Any, inside: _Inside) -> Iterator[Block]:
        for element in parent:
            yield from self._block(element, inside)

    def _block(self, element: Any, inside: _Inside) -> Iterator[Block]:
        tag = element.tag
        if tag in SKIPPED or not isinstance(tag, str):
            return
        if tag in (TEXT + "p", TEXT + "h"):
            yield from self._paragraph(element, inside)
        elif tag == TEXT + "list":
            style = element.get(TEXT + "style-name")
            ordered = style in self._numbered if style else inside.ordered
            yield from self.blocks(
                element, replace(inside, depth=inside.depth + 1, ordered=ordered)
            )
        elif tag == TABLE + "table":
            yield Block("table", text_of(list(self._rows(element))), role=inside.role)
        else:
            yield from self.blocks(element, inside)

    def _paragraph(self, element: Any, inside: _Inside) -> Iterator[Block]:
        run = _Run()
        self._read(element, run)
        text = joined("".join(run.parts))
        if element.tag == TEXT + "h":
            level = element.get(TEXT + "outline-level", "1")
            number = max(1, int(level)) if level.isdecimal() and len(level) < 3 else 1
            yield Block("heading", text, number, role=inside.role, links=run.links)
        elif inside.depth:
            yield Block(
                "list_item",
                text,
                inside.depth,
                role=inside.role,
                ordered=inside.ordered,
                links=run.links,
            )
        else:
            yield Block("paragraph", text, role=inside.role, links=run.links)
        yield from run.images
        for box in run.boxes:
            yield from self.blocks(box, inside)

    def _read(self, element: Any, run: _Run) -> None:
        run.parts.append(element.text or "")
        for child in element:
            self._inline(child, run)
            run.parts.append(child.tail or "")

    def _inline(self, child: Any, run: _Run) -> None:
        match child.tag:
            case tag if tag == TEXT + "s":
                run.parts.append(" ")
            case tag if tag in (TEXT + "tab", TEXT + "line-break"):
                run.parts.append(" ")
            case tag if tag == TEXT + "note":
                self._note(child, "footnote")
            case tag if tag == OFFICE + "annotation":
                self._note(child, "comment")
            case tag if tag == DRAW + "frame":
                self._frame(child, run)
            case tag if isinstance(tag, str) and tag not in SKIPPED:
                if tag == TEXT + "a" and child.get(HREF):
                    run.links.append(child.get(HREF))
                self._read(child, run)

    def _note(self, note: Any, role: Role) -> None:
        mark = note.findtext(TEXT + "note-citation") or ""
        body = note.find(TEXT + "note-body")
        kept = list(self.notes)
        words = [block.text for block in self.blocks(note if body is None else body, _Inside())]
        self.notes = [*kept, Block("paragraph", joined(" ".join([mark, *words])), role=role)]

    def _frame(self, frame: Any, run: _Run) -> None:
        """Read a picture, or a box of text, which follows the paragraph that it is anchored in."""
        described = (frame.findtext(SVG + "title"), frame.findtext(SVG + "desc"))
        alt = joined(" ".join(filter(None, described)))
        image = frame.find(DRAW + "image")
        name = (image.get(HREF) or "") if image is not None else ""
        if name in self._archive.NameToInfo:
            run.images.append(Block("image", alt, picture=self._archive.read(name)))
        elif alt:
            run.images.append(Block("paragraph", alt))
        run.boxes.extend(frame.iterchildren(DRAW + "text-box"))

    def _rows(self, table: Any) -> Iterator[Sequence[str]]:
        for row in table.iter(TABLE + "table-row"):
            cells: list[str] = []
            for cell in row.iterchildren(TABLE + "table-cell", TABLE + "covered-table-cell"):
                run = _Run()
                for part in cell:
                    self._read(part, run)
                    run.parts.append(" ")
                text = joined("".join(run.parts))
                repeated = cell.get(TABLE + "number-columns-repeated", "1")
                times = int(repeated) if repeated.isdecimal() and len(repeated) < 8 else 1
                cells += [text] * (min(times, MOST_REPEATED) if text else min(times, 1))
            yield cells
