"""The part of a text that shows why it was found."""

from collections.abc import Iterator
from dataclasses import dataclass

from stores.records.lexemes import LONGEST_BODY, forms
from stores.records.tokens import tokens

WIDTH = 200
_BEFORE = 40


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text with the spans of the found words in it; `start` is where it begins in the body."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    start: int = 0


def snippet(body: str, language: str | None, source: str, wanted: frozenset[str]) -> Snippet:
    """Return the stretch of `body` that holds most of the wanted lexemes."""
    spans = list(_spans(body[:LONGEST_BODY], language, source, wanted))
    if not spans:
        return Snippet(body[:WIDTH])
    first = max(spans, key=lambda span: (_within(spans, span[0]), -span[0]))[0]
    start = _word_start(body, max(0, first - _BEFORE))
    end = start + WIDTH
    marks = tuple((a - start, b - start) for a, b in spans if a >= start and b <= end)
    return Snippet(body[start:end], marks, start)


def _within(spans: list[tuple[int, int]], first: int) -> int:
    return sum(first <= start and end <= first + WIDTH - _BEFORE for start, end in spans)


def _word_start(body: str, at: int) -> int:
    space = body.find(" ", at, at + _BEFORE // 2) if at else -1
    return at if space < 0 else space + 1


def _spans(
    body: str, language: str | None, source: str, wanted: frozenset[str]
) -> Iterator[tuple[int, int]]:
    previous, at = "", 0
    for token in tokens(body):
        if wanted.intersection(forms(token, previous, language, source)):
            start = at if token.follows else token.start  # a pair of characters
            yield start, token.end
        previous, at = token.word, token.start
