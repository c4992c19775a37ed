"""A block of written text before it has a place, and how a long one is cut."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzers.api import Features

LONGEST = 1_500
"""Characters a segment: a hit should show where it is, not a whole chapter."""

SENTENCE_END = re.compile(r"[.!?][\"'»”’)\]]*\s|[。！？]|\n")
UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

BlockType = Literal["paragraph", "heading", "table", "list_item", "image"]
Role = Literal[
    "header",
    "footer",
    "page_number",
    "footnote",
    "caption",
    "notes",
    "comment",
    "navigation",
    "aside",
    "quoted",
    "signature",
    "metadata",
]
"""What a block is beside the main text, if it is not part of it."""
MOST_LINKS = 50
LINK = re.compile(r"(?:https?://|mailto:|ftp://)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    type: BlockType
    text: str
    level: int | None = None
    """Of a heading, from 1; of an item of a list, how deep it lies."""
    role: Role | None = None
    ordered: bool | None = None
    """Whether an item is one of a numbered list."""
    links: Sequence[str] = ()
    link_share: float = 0.0
    """Of its text, how much is links."""
    features: Features = field(default_factory=dict)
    picture: bytes | None = None
    """The file of an embedded image; its text is what describes it."""

    def all_features(self) -> Features:
        """Return the features of each segment cut from this block."""
        semantic = dict(self.features.get("semantic", {}))
        if self.type == "heading" and self.level is not None:
            semantic["heading"] = {"level": self.level}
        if self.type == "list_item":
            semantic["list"] = {"level": self.level or 1, "ordered": bool(self.ordered)}
        if self.role is not None:
            semantic["role"] = {"name": self.role}
        if targets := link_targets(self.links):
            semantic["links"] = {"targets": targets}
        return {**self.features, "semantic": semantic} if semantic else self.features


def link_targets(links: Iterable[str]) -> list[str]:
    """Return the links that lead out of the document, each once; nobody follows them here."""
    found = (clean(link).strip()[:2_000] for link in links)
    return list(dict.fromkeys(link for link in found if LINK.match(link)))[:MOST_LINKS]


def clean(text: str) -> str:
    """Return the text without what cannot be stored: control characters, lone surrogates."""
    return UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))


def joined(text: str) -> str:
    """Return the text cleaned, every run of white space as one space."""
    return " ".join(clean(text).split())


def cuts(text: str, longest: int = LONGEST) -> Iterator[tuple[int, int]]:
    """Yield where to cut: at ends of sentences if any is near, else between words."""
    at = 0
    while len(text) - at > longest:
        end = at + _cut(text[at : at + longest])
        yield at, end
        at = end
    if text[at:].strip():
        yield at, len(text)


def _cut(window: str) -> int:
    half = len(window) // 2
    ends = [match.end() for match in SENTENCE_END.finditer(window, half)]
    if ends:
        return ends[-1]
    space = max(window.rfind(" ", half), window.rfind("\t", half))
    return space + 1 if space > 0 else len(window)


def sample(blocks: Sequence[Block], characters: int = 4_000) -> str:
    """Return the beginning of a document: enough to tell its language."""
    taken, length = [], 0
    for block in blocks:
        taken.append(block.text)
        length += len(block.text)
        if length > characters:
            break
    return "\n".join(taken)
