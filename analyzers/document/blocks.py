"""A block of written text before it has a place, and how a long one is cut."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzers.api import Features

LONGEST = 1_500
"""Characters a segment: a hit should show where it is, not a whole chapter."""

SENTENCE_END = re.compile(r"[.!?][\"'»”’)\]]*\s|[。！？]|\n")
UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

BlockType = Literal["paragraph", "heading", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    type: BlockType
    text: str
    level: int | None = None
    """Of a heading, from 1."""
    features: Features = field(default_factory=dict)

    def all_features(self) -> Features:
        """Return the features of each segment cut from this block."""
        if self.level is None:
            return self.features
        semantic = {**self.features.get("semantic", {}), "heading": {"level": self.level}}
        return {**self.features, "semantic": semantic}


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
