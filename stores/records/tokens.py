"""Words of a text in any script, each with its place in the text."""

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import regex

_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"\p{Bopomofo}\p{Yi}\p{Tibetan}ー\uff70\uff9e\uff9f"
)
_TOKEN = regex.compile(
    rf"(?V1)(?P<run>[{_UNSPACED}][{_UNSPACED}\p{{M}}]*)"
    rf"|[[\p{{L}}\p{{N}}]--[{_UNSPACED}]][[\p{{L}}\p{{N}}\p{{M}}\u00ad]--[{_UNSPACED}]]*"
)
_PART = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*")  # compatibility forms may hold several
_CLUSTER = regex.compile(r"\X")
_MARKS = regex.compile(
    r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u064b-\u065f\u0670\u06d6-\u06ed]+"
)
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
    | {"ı": "i", "ς": "σ", "ħ": "h", "ŧ": "t", "\u0640": "", "\u00ad": ""}
)
LONGEST_WORD = 64


class Token(NamedTuple):
    """`plain` is lower case and NFKC, `word` also without accents."""

    start: int
    end: int
    plain: str
    word: str
    unspaced: bool = False
    """One character of a script that is written without spaces."""
    follows: bool = False
    """The previous token is the character before it."""


def fold(text: str) -> str:
    """Return lower-case text without accents and other marks that people leave out."""
    if text.isascii():
        return text
    bare = _MARKS.sub("", unicodedata.normalize("NFD", text.translate(_LETTERS)))
    return unicodedata.normalize("NFC", bare)


def tokens(body: str) -> Iterator[Token]:
    """Yield the words of a text; of scripts written without spaces, the characters."""
    for found in _TOKEN.finditer(body):
        if found["run"] is None:
            yield from _word(found.start(), found.end(), found[0])
        else:
            yield from _characters(found.start(), found[0])


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    lower = unicodedata.normalize("NFKC", text).lower()
    return unicodedata.normalize("NFKC", lower).replace("\u00ad", "")


def _word(start: int, end: int, text: str) -> Iterator[Token]:
    plain = _plain(text)
    for part in [plain] if plain.isalnum() else _PART.findall(plain):
        if word := fold(part[:LONGEST_WORD]):
            yield Token(start, end, part[:LONGEST_WORD], word)


def _characters(start: int, run: str) -> Iterator[Token]:
    previous = False
    for found in _CLUSTER.finditer(run):
        plain = _plain(found[0])[:LONGEST_WORD]
        if word := fold(plain):
            yield Token(start + found.start(), start + found.end(), plain, word, True, previous)
            previous = True
