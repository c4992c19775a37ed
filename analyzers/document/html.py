"""HTML: the text a reader sees; nothing is run, fetched or resolved."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding
from analyzers.document.blocks import Block, joined
from analyzers.document.flow import flowing
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
        yield from flowing(blocks(text), limits)


def blocks(text: str) -> Iterator[Block]:
    """Yield headings, paragraphs and tables in the order of the page."""
    from lxml import etree

    root = _parsed(text)
    if root is None:
        return
    pending = _Pending()
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
            yield from _table(element)
            walk.skip_subtree()
        else:
            if name not in INLINE:
                yield from pending.flush()
            pending.enter(element, name)
    yield from pending.flush()


class _Pending:
    """The text read since the last block began or ended, and the heading it stands in."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._skipped: Any = None
        self._levels: list[int] = []

    def enter(self, element: Any, name: str) -> None:
        if name in HEADINGS:
            self._levels.append(HEADINGS[name])
        self._parts.append(element.text or "")
        if name == "img":
            self._parts.append(f" {element.get('alt') or ''} ")
        elif name == "br":
            self._parts.append(" ")

    def leave(self, element: Any, name: str) -> None:
        if name in HEADINGS and self._levels:
            self._levels.pop()
        self._parts.append(element.tail or "")

    def flush(self) -> Iterator[Block]:
        text = joined("".join(self._parts))
        self._parts.clear()
        if text:
            level = self._levels[-1] if self._levels else None
            yield Block("heading" if level else "paragraph", text, level)


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
            yield Block("paragraph", joined(" ".join(_seen(element))))
        elif element.tag == "tr":
            rows.append([])
        else:
            rows = rows or [[]]  # browsers, too, imagine the row of a cell that has none
            rows[-1].append(joined(" ".join(_seen(element))))
    yield Block("table", text_of(rows))


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
