"""Markdown: headings, paragraphs, code and tables as CommonMark reads them; HTML stays inert."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding, html
from analyzers.document.blocks import Block, Role, clean, joined
from analyzers.document.flow import flowing
from analyzers.document.tables import text_of

DEEPEST = 100
"""Blocks in blocks; the preset would drop without a word what lies deeper than 20."""
FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)


def load() -> None:
    html.load()
    list(blocks("# Warm\n\n|a|b|\n|-|-|\n|1|2|\n"))


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    return {"encoding": encoding.read(file, limits).encoding}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    text = encoding.read(file, limits).text
    with decoding("Markdown"):
        found = list(blocks(text))
    yield from flowing(found, limits)


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a document; front matter is not part of its text."""
    tokens = _parser().parse(FRONT_MATTER.sub("", text, count=1))
    at = 0
    inside: list[str] = []
    while at < len(tokens):
        token = tokens[at]
        if token.nesting == 1:
            inside.append(token.type.removesuffix("_open"))
        elif token.nesting == -1 and inside:
            inside.pop()
        if token.type == "table_open":
            end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
            yield Block("table", text_of(_rows(tokens[at:end])))
            inside.pop()
            at = end
        elif token.type == "inline":
            yield _inline(token, inside, tokens[at - 1] if at else None)
        elif token.type in ("fence", "code_block"):
            yield _code(token)
        elif token.type == "html_block":
            yield from html.blocks(token.content)
        at += 1


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True, "maxNesting": DEEPEST}).enable("table")


def _inline(token: Any, inside: Sequence[str], opening: Any) -> Block:
    text, links = joined(_text(token)), _links(token)
    if opening is not None and opening.type == "heading_open":
        return Block("heading", text, int(opening.tag[1:]), links=links)
    role: Role | None = "quoted" if "blockquote" in inside else None
    lists = [name for name in inside if name in ("bullet_list", "ordered_list")]
    if not lists:
        return Block("paragraph", text, role=role, links=links)
    ordered = lists[-1] == "ordered_list"
    return Block("list_item", text, len(lists), role=role, ordered=ordered, links=links)


def _links(token: Any) -> list[str]:
    children = token.children or ()
    return [str(c.attrGet("href")) for c in children if c.type == "link_open" and c.attrGet("href")]


def _code(token: Any) -> Block:
    language = token.info.strip().split(" ")[0][:40]
    features = {"semantic": {"code": {"language": language or None}}}
    return Block("paragraph", clean(token.content).strip("\n"), features=features)


def _rows(tokens: Sequence[Any]) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(joined(_text(token)))
    return rows


def _text(token: Any) -> str:
    """Return what is read of inline text: words, code and the descriptions of pictures."""
    parts = []
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type == "image":
            parts.append(_text(child))
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return "".join(parts)
