"""reStructuredText as docutils reads it; nothing is included, executed or fetched."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding
from analyzers.document.blocks import Block, Role, clean, joined
from analyzers.document.flow import flowing
from analyzers.document.tables import text_of

SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "halt_level": 5,
    "report_level": 5,
    "syntax_highlight": "none",
    "smart_quotes": False,
    "line_length_limit": 100_000,
    "warning_stream": False,
}
DEPRECATED = frozenset({"html"})
"""Modules that only warn when they are imported."""
WARM = """
Warm
====

A *word*, a `link <https://example.org>`_ and a note [#]_.

- one
- two

1. first

=====  =====
a      b
=====  =====
1      2
=====  =====

.. [#] A note.

.. note:: Mind.

.. code:: python

   print("up")

.. image:: up.png
   :alt: up

:field: value

term
  definition
"""


def load() -> None:
    """Import every directive, which docutils does only when a document uses it."""
    import docutils.languages.en
    import docutils.parsers.rst.directives as directives
    import docutils.parsers.rst.languages.en
    import docutils.readers.standalone
    import docutils.transforms

    for package in (directives, docutils.transforms):
        for module in pkgutil.iter_modules(package.__path__):
            if module.name in DEPRECATED:
                continue
            importlib.import_module(f"{package.__name__}.{module.name}")
    encoding.load()
    list(blocks(WARM))


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    return {"encoding": encoding.read(file, limits).encoding}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    text = encoding.read(file, limits).text
    with decoding("reStructuredText"):
        found = list(blocks(text))
    yield from flowing(found, limits)


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a document in its order, footnotes where they stand."""
    from docutils.core import publish_doctree

    yield from _blocks(publish_doctree(text, settings_overrides=SETTINGS), _Inside())


class _Inside:
    """What a block stands in."""

    def __init__(
        self, section: int = 0, lists: tuple[bool, ...] = (), role: Role | None = None
    ) -> None:
        self.section, self.lists, self.role = section, lists, role

    def section_below(self) -> "_Inside":
        return _Inside(self.section + 1, self.lists, self.role)

    def list_below(self, ordered: bool) -> "_Inside":
        return _Inside(self.section, (*self.lists, ordered), self.role)

    def part(self, role: Role) -> "_Inside":
        return _Inside(self.section, self.lists, self.role or role)


def _blocks(node: Any, inside: _Inside) -> Iterator[Block]:
    for child in node.children:
        yield from _block(child, inside)


def _block(node: Any, inside: _Inside) -> Iterator[Block]:
    from docutils import nodes

    match node:
        case nodes.comment() | nodes.system_message() | nodes.substitution_definition():
            return
        case nodes.section():
            yield from _blocks(node, inside.section_below())
        case nodes.title() | nodes.subtitle():
            yield Block("heading", joined(node.astext()), max(1, inside.section), role=inside.role)
        case nodes.bullet_list() | nodes.enumerated_list():
            ordered = isinstance(node, nodes.enumerated_list)
            yield from _blocks(node, inside.list_below(ordered))
        case nodes.footnote() | nodes.citation():
            yield Block("paragraph", _running(node), role="footnote", links=_links(node))
        case nodes.table():
            yield from _table(node)
        case nodes.literal_block() | nodes.doctest_block():
            yield _code(node)
        case nodes.image():
            yield Block("paragraph", joined(node.get("alt", "")), role=inside.role)
        case nodes.caption():
            yield Block("paragraph", joined(node.astext()), role="caption", links=_links(node))
        case nodes.block_quote():
            yield from _blocks(node, inside.part("quoted"))
        case nodes.sidebar() | nodes.topic() | nodes.header() | nodes.footer():
            yield from _blocks(node, inside.part("aside"))
        case nodes.docinfo() | nodes.field():
            yield Block("paragraph", _running(node), role="metadata", links=_links(node))
        case nodes.TextElement():
            yield _paragraph(node, inside)
        case nodes.Element():
            yield from _blocks(node, inside)


def _paragraph(node: Any, inside: _Inside) -> Block:
    text, links = joined(node.astext()), _links(node)
    if not inside.lists:
        return Block("paragraph", text, role=inside.role, links=links)
    ordered = inside.lists[-1]
    return Block(
        "list_item", text, len(inside.lists), role=inside.role, ordered=ordered, links=links
    )


def _running(node: Any) -> str:
    """Return the text of an element's parts with spaces between."""
    return joined(" ".join(child.astext() for child in node.children))


def _code(node: Any) -> Block:
    names = [name for name in node.get("classes", ()) if name != "code"]
    features = {"semantic": {"code": {"language": names[0][:40] if names else None}}}
    return Block("paragraph", clean(node.astext()).strip("\n"), features=features)


def _table(node: Any) -> Iterator[Block]:
    from docutils import nodes

    for title in node.findall(nodes.title):
        yield Block("paragraph", joined(title.astext()), role="caption")
    rows = [
        [joined(entry.astext()) for entry in row.findall(nodes.entry, descend=True)]
        for row in node.findall(nodes.row)
    ]
    yield Block("table", text_of(rows), links=_links(node))


def _links(node: Any) -> list[str]:
    from docutils import nodes

    return [link["refuri"] for link in node.findall(nodes.reference) if link.get("refuri")]
