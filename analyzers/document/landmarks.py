"""Which parts of a page are its main text: by its landmarks, else by how much of it are links.

Menus and footers are short blocks that consist of links (Kohlschütter, Fankhauser, Nejdl 2010).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from analyzers.document.blocks import Block, Role

BY_NAME: dict[str, Role] = {
    "nav": "navigation",
    "header": "header",
    "footer": "footer",
    "aside": "aside",
    "dialog": "aside",
    "figcaption": "caption",
    "blockquote": "quoted",
}
BY_ROLE: dict[str, Role] = {
    "navigation": "navigation",
    "menu": "navigation",
    "menubar": "navigation",
    "search": "navigation",
    "banner": "header",
    "contentinfo": "footer",
    "complementary": "aside",
    "dialog": "aside",
    "alertdialog": "aside",
}
SECTIONS = frozenset({"article", "main", "section", "blockquote"})
"""Their header and footer are theirs, not the page's."""
LINKED = 0.7
FEWEST_LINKED = 3
SHORT = 80


def role_of(element: Any, name: str) -> Role | None:
    """Return what an element says of what is in it, if that is not the main text."""
    declared = BY_ROLE.get((element.get("role") or "").strip().lower())
    if declared:
        return declared
    role = BY_NAME.get(name)
    return None if role in ("header", "footer") and _in_section(element) else role


def told_apart(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield the blocks; runs of short ones that are nothing but links are navigation."""
    for linked, run in groupby(blocks, key=_is_link):
        found = list(run)
        menu = linked and len(found) >= FEWEST_LINKED
        yield from (replace(b, role="navigation") if menu and not b.role else b for b in found)


def _is_link(block: Block) -> bool:
    plain = block.type in ("paragraph", "list_item")
    return plain and len(block.text) <= SHORT and block.link_share >= LINKED


def _in_section(element: Any) -> bool:
    return any(ancestor.tag in SECTIONS for ancestor in element.iterancestors())
