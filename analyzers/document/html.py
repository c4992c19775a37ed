"""HTML: the text a reader sees, the main text told from what is around it; nothing is fetched."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding
from analyzers.document.blocks import Block, BlockType, Role, clean, joined
from analyzers.document.data_urls import picture_of
from analyzers.document.flow import flowing
from analyzers.document.landmarks import role_of, told_apart
from analyzers.document.tables import text_of
from dataflux.errors import MediaFailed
from schemas.names import Reason

UNSEEN_NAMES = """
    script style template noscript head iframe object embed applet svg math canvas audio video
    select datalist
"""
INLINE_NAMES = """
    a abbr b bdi bdo big br button cite code data del dfn em font i img ins kbd label mark q s samp
    small span strike strong sub sup time tt u var wbr
"""
UNSEEN, INLINE = frozenset(UNSEEN_NAMES.split()), frozenset(INLINE_NAMES.split())
HEADINGS = {f"h{level}": level for level in range(1, 7)}

Pictures = Callable[[str], bytes | None]
"""From the source that an image names to its bytes, if the document itself holds them."""


def load() -> None:
    encoding.load()
    list(blocks("<h1>Warm</h1><table><tr><td>up</table>"))


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    text, name = _read(file, limits)
    root = _parsed(text)
    title = None if root is None else root.findtext(".//title")
    return {"encoding": name, **({"title": joined(title)[:500]} if title else {})}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    text, _ = _read(file, limits)
    with decoding("HTML"):
        yield from flowing(told_apart(list(blocks(text))), limits)


def blocks(text: str, pictures: Pictures = picture_of) -> Iterator[Block]:
    """Yield headings, paragraphs, items, tables and images in the order of the page."""
    from lxml import etree

    root = _parsed(text)
    if root is None:
        return
    pending = _Pending(pictures)
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        name = element.tag if isinstance(element.tag, str) else "?"
        if event == "end":
            if name not in INLINE:
                yield from pending.flush()
            pending.leave(element, name)
        elif name in UNSEEN or name == "?" or element.get("hidden") is not None:
            walk.skip_subtree()
        elif name == "table" and element.find(".//table") is None:
            yield from pending.flush()
            yield from (pending.placed(block) for block in _table(element))
            walk.skip_subtree()
        else:
            if name not in INLINE:
                yield from pending.flush()
            pending.enter(element, name)
    yield from pending.flush()


class _Pending:
    """The text read since the last block began or ended, and the elements that it stands in."""

    def __init__(self, pictures: Pictures) -> None:
        self._picture_of = pictures
        self._parts: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._linked: list[str] = []
        self._inside: list[str] = []
        self._roles: list[Role | None] = []
        self._images: list[Block] = []

    def enter(self, element: Any, name: str) -> None:
        self._inside.append(name)
        self._roles.append(role_of(element, name) or self._role)
        self._parts.append(element.text or "")
        if name == "a" and element.get("href"):
            self._links.append((element.get("href"), len(self._parts) - 1))
        elif name == "img":
            self._image(element)
        elif name == "br":
            self._parts.append("\n" if self._verbatim else " ")

    def leave(self, element: Any, name: str) -> None:
        if name == "a" and self._links and element.get("href") == self._links[-1][0]:
            self._linked.append("".join(self._parts[self._links[-1][1] :]))
        if self._inside and self._inside[-1] == name:
            self._inside.pop()
            self._roles.pop()
        self._parts.append(element.tail or "")

    def flush(self) -> Iterator[Block]:
        raw = "".join(self._parts)
        text = clean(raw).strip("\n") if self._verbatim else joined(raw)
        links, linked = [link for link, _ in self._links], joined(" ".join(self._linked))
        images = list(self._images)
        for kept in (self._parts, self._links, self._linked, self._images):
            kept.clear()
        if text.strip():
            share = len(linked) / len(text)
            block = Block(self._type, text, self._level, links=links, ordered=self._ordered)
            if self._verbatim:
                block = replace(block, features={"semantic": {"code": {"language": None}}})
            yield self.placed(replace(block, link_share=min(1.0, share)))
        yield from map(self.placed, images)

    def placed(self, block: Block) -> Block:
        """Return a block with the role of the part of the page that it stands in."""
        return replace(block, role=block.role or self._role)

    @property
    def _role(self) -> Role | None:
        return self._roles[-1] if self._roles else None

    @property
    def _verbatim(self) -> bool:
        return "pre" in self._inside

    @property
    def _type(self) -> BlockType:
        for name in reversed(self._inside):
            if name in HEADINGS:
                return "heading"
            if name == "li":
                return "list_item"
        return "paragraph"

    @property
    def _level(self) -> int | None:
        if self._type == "heading":
            return next(HEADINGS[name] for name in reversed(self._inside) if name in HEADINGS)
        depth = sum(name in ("ul", "ol") for name in self._inside)
        return max(1, depth) if self._type == "list_item" else None

    @property
    def _ordered(self) -> bool | None:
        lists = [name for name in self._inside if name in ("ul", "ol")]
        return lists[-1] == "ol" if lists and self._type == "list_item" else None

    def _image(self, element: Any) -> None:
        alt = joined(element.get("alt") or "")
        data = self._picture_of(element.get("src") or "")
        if data is None:
            self._parts.append(f" {alt} ")
        else:
            self._images.append(Block("image", alt, picture=data))


def _read(file: BinaryIO, limits: Limits) -> tuple[str, str]:
    file.seek(0)
    data = file.read(limits.text_bytes + 1)
    limits.hold("text_bytes", len(data))
    if not data.strip(b"\0 \r\n\t"):
        raise MediaFailed(Reason.EMPTY_FILE, "the file has no text")
    decoded = encoding.decode(data, encoding.declared_in_html(data))
    return decoded.text, decoded.encoding


def _parsed(text: str) -> Any:
    """Return the root element; the parser reaches for nothing and expands no entity of the file."""
    from lxml import etree

    parser = etree.HTMLParser(
        encoding="utf-8",
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,  # else nothing is read that is nested deeper than 256
    )
    with decoding("HTML"):
        root = etree.fromstring(text.encode("utf-8"), parser)
        if any("Excessive depth" in entry.message for entry in parser.error_log):
            raise MediaFailed(
                Reason.DECODE_LIMIT_EXCEEDED, "elements in elements, thousands deep", limit="depth"
            )
        return root


def _table(table: Any) -> Iterator[Block]:
    """Yield the caption and the cells of a table that contains no other."""
    rows: list[list[str]] = []
    for element in table.iter("caption", "tr", "td", "th"):
        if element.tag == "caption":
            yield Block("paragraph", joined(" ".join(_seen(element))), role="caption")
        elif element.tag == "tr":
            rows.append([])
        else:
            rows = rows or [[]]  # browsers, too, imagine the row of a cell that has none
            rows[-1].append(joined(" ".join(_seen(element))))
    links = [link.get("href") for link in table.iter("a") if link.get("href")]
    yield Block("table", text_of(rows), links=links)


def _seen(cell: Any) -> Iterator[str]:
    """Yield the text of a cell without that of scripts and styles in it."""
    from lxml import etree

    walk = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            yield "" if element is cell else element.tail or ""
        elif element.tag in UNSEEN:
            walk.skip_subtree()
        else:
            yield element.get("alt") or ""
            yield element.text or ""
