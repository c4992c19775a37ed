"""DOCX: headers, the body in its order, notes and comments; nothing linked is fetched."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document.archives import checked
from analyzers.document.blocks import Block, Role, joined
from analyzers.document.flow import flowing
from analyzers.document.tables import text_of

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
DRAWN = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}docPr"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
CELLS = "./w:tc | ./w:sdt/w:sdtContent/w:tc"
BREAKS = {W + "tab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "-"}
CONTAINERS = {W + "sdt", W + "sdtContent", W + "ins", W + "customXml", W + "smartTag"}
NOTES: dict[str, Role] = {"footnotes": "footnote", "endnotes": "footnote", "comments": "comment"}
SEPARATORS = frozenset({"separator", "continuationSeparator", "continuationNotice"})
ROLES: dict[str, Role] = {"caption": "caption", "quote": "quoted", "intense quote": "quoted"}


def load() -> None:
    """Write and read a document: the library reads its template only here."""
    import docx

    document, buffer = docx.Document(), io.BytesIO()
    document.add_heading("Warm", 1)
    document.add_table(1, 1).cell(0, 0).text = "up"
    document.sections[0].header.paragraphs[0].text = "head"
    document.add_paragraph("one", style="List Number")
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
        found = list(_whole(document))
    yield from flowing(found, limits)


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[Any]:
    import docx

    with checked(file, limits), decoding("DOCX"):
        yield docx.Document(file)


@dataclass(frozen=True, slots=True)
class _Styles:
    """What the styles of a document say of a paragraph, by their ids; names are always English."""

    headings: Mapping[str, int]
    lists: Mapping[str, bool]
    """Whether they number their items."""
    roles: Mapping[str, Role]
    numbered: frozenset[tuple[str, str]]
    """Lists, as id and depth, that count; the others have bullets."""

    @classmethod
    def of(cls, document: Any) -> "_Styles":
        names = {style.style_id: str(style.name or "").lower() for style in document.styles}
        return cls(
            {key: level for key, name in names.items() if (level := _heading_level(name))},
            {key: "number" in name for key, name in names.items() if name.startswith("list ")},
            {key: ROLES[name] for key, name in names.items() if name in ROLES},
            frozenset(_numbered(document)),
        )


def _heading_level(name: str) -> int | None:
    words = name.split()
    if words == ["title"]:
        return 1
    if len(words) == 2 and words[0] == "heading" and words[1].isdigit():
        return max(1, int(words[1][:3]))
    return None


def _numbered(document: Any) -> Iterator[tuple[str, str]]:
    """Yield the lists whose items are counted, from the part that defines them."""
    part = _related(document.part, "numbering")
    if part is None:
        return
    root = _root(part)
    abstract = {
        (kind.get(W + "abstractNumId"), level.get(W + "ilvl"))
        for kind in root.iter(W + "abstractNum")
        for level in kind.iterchildren(W + "lvl")
        if (shape := level.find(W + "numFmt")) is not None and shape.get(W + "val") != "bullet"
    }
    for number in root.iter(W + "num"):
        target = number.find(W + "abstractNumId")
        for kind, depth in abstract:
            if target is not None and target.get(W + "val") == kind:
                yield number.get(W + "numId", ""), depth or "0"


def _related(part: Any, kind: str) -> Any:
    """Return the part of the document that a relationship of this kind leads to."""
    for relation in part.rels.values():
        if relation.reltype.rsplit("/", 1)[-1] == kind and not relation.is_external:
            return relation.target_part
    return None


def _root(part: Any) -> Any:
    """Return the XML of a part; the library has already refused to resolve any entity of it."""
    from docx.oxml import parse_xml

    return part.element if hasattr(part, "element") else parse_xml(part.blob)


def _whole(document: Any) -> Iterator[Block]:
    styles = _Styles.of(document)
    yield from _edges(document, styles, "header")
    yield from _Part(document.part, styles).blocks(document.element.body)
    for kind, role in NOTES.items():
        part = _related(document.part, kind)
        if part is not None:
            yield from _notes(_Part(part, styles), _root(part), role)
    yield from _edges(document, styles, "footer")


def _edges(document: Any, styles: _Styles, role: Role) -> Iterator[Block]:
    """Yield the text of headers or footers, each once, however many sections have it."""
    seen: set[str] = set()
    for relation in document.part.rels.values():
        if relation.reltype.rsplit("/", 1)[-1] != role or relation.is_external:
            continue
        part = relation.target_part
        for block in _Part(part, styles, role).blocks(_root(part)):
            if block.text not in seen:
                seen.add(block.text)
                yield block


def _notes(part: "_Part", root: Any, role: Role) -> Iterator[Block]:
    for note in root:
        if note.get(W + "type") not in SEPARATORS:
            words = [block.text for block in part.blocks(note)]
            yield Block("paragraph", joined(" ".join(words)), role=role)


class _Part:
    """One part of a document: its text refers to links and pictures by its own names for them."""

    def __init__(self, part: Any, styles: _Styles, role: Role | None = None) -> None:
        self._part, self._styles, self._role = part, styles, role

    def blocks(self, parent: Any) -> Iterator[Block]:
        for element in parent:
            if element.tag == W + "p":
                yield self._paragraph(element)
                yield from self._pictures(element)
            elif element.tag == W + "tbl":
                links = self._links(element)
                yield Block("table", text_of(_rows(element)), role=self._role, links=links)
                yield from self._pictures(element)
            elif element.tag in CONTAINERS:
                yield from self.blocks(element)

    def _paragraph(self, element: Any) -> Block:
        style = element.find(f"{W}pPr/{W}pStyle")
        name = "" if style is None else style.get(W + "val", "")
        text, links = joined(_text(element)), self._links(element)
        if level := self._styles.headings.get(name):
            return Block("heading", text, level, role=self._role, links=links)
        role = self._role or self._styles.roles.get(name)
        item = self._item(element, name)
        if item is None:
            return Block("paragraph", text, role=role, links=links)
        depth, ordered = item
        return Block("list_item", text, depth, role=role, ordered=ordered, links=links)

    def _item(self, element: Any, style: str) -> tuple[int, bool] | None:
        """Return how deep in a list a paragraph is, and whether the list counts."""
        numbering = element.find(f"{W}pPr/{W}numPr")
        if numbering is None:
            return (1, self._styles.lists[style]) if style in self._styles.lists else None
        depth, list_id = (_value(numbering, name) or "0" for name in ("ilvl", "numId"))
        if list_id == "0":
            return None
        level = int(depth) + 1 if depth.isdecimal() and len(depth) < 3 else 1
        return level, (list_id, depth) in self._styles.numbered

    def _links(self, element: Any) -> list[str]:
        names = (link.get(R + "id") for link in element.iter(W + "hyperlink"))
        found = (self._part.rels.get(name) for name in names if name)
        return [relation.target_ref for relation in found if relation and relation.is_external]

    def _pictures(self, element: Any) -> Iterator[Block]:
        for blip in element.iter(A + "blip"):
            relation = self._part.rels.get(blip.get(R + "embed") or "")
            if relation is not None and not relation.is_external and not _doubled(blip):
                data = relation.target_part.blob
                yield Block("image", _described(blip), role=self._role, picture=data)


def _described(blip: Any) -> str:
    """Return what the author says a picture shows."""
    for frame in blip.iterancestors():
        for drawn in frame.iterchildren(DRAWN):
            return joined(drawn.get("descr") or "")
    return ""


def _value(parent: Any, name: str) -> str | None:
    element = parent.find(W + name)
    value: str | None = None if element is None else element.get(W + "val")
    return value


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
