"""The search vector of a text: `=word` for phrases, `~stem` for meaning, and two for misread text.

Text that was read off a picture also has `^tri` (every three letters of a word, so that words run
together are found) and `#wrd` (the word less one letter: two words that differ in one letter share
such a form). Scripts written without spaces have `=c` per character and `~cc` per pair.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from schemas.names import TextSource
from stores.records.stems import stems
from stores.records.tokens import Token, tokens

LONGEST_BODY = 65_536  # characters
LAST_POSITION = 16_000  # a tsvector counts to 16,383
LARGEST = 700_000  # bytes; a tsvector ends at 1 MiB
MISREAD = range(5, 17)  # lengths of words that are also found when one letter differs


def lexemes(body: str, language: str | None, source: str) -> tuple[str, int]:
    """Return a tsvector in its text form, and the number of words in it."""
    places: dict[str, list[int]] = defaultdict(list)
    room, position, previous = LARGEST, 0, ""
    for token in tokens(body[:LONGEST_BODY]):
        if position == LAST_POSITION or room <= 0:
            break
        position += 1
        for lexeme in forms(token, previous, language, source):
            room -= 4 if lexeme in places else 16 + len(lexeme.encode())
            places[lexeme].append(position)
        previous = token.word
    return " ".join(f"{quoted(x)}:{','.join(map(str, at))}" for x, at in places.items()), position


def quoted(lexeme: str) -> str:
    """Return a lexeme as tsvector and tsquery read it."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def forms(token: Token, previous: str, language: str | None, source: str) -> Sequence[str]:
    """Return the distinct lexemes of one word; `previous` is the word before it."""
    if not token.unspaced:
        return _spaced(token.plain, token.word, language, source)
    itself = "=" + token.word
    return (itself, "~" + previous + token.word) if token.follows else (itself,)


@lru_cache(maxsize=1 << 13)
def _spaced(plain: str, word: str, language: str | None, source: str) -> Sequence[str]:
    found = ["=" + word, *("~" + stem for stem in stems(plain, [language]))]
    if source == TextSource.ON_SCREEN:
        found += ["^" + part for part in trigrams(word)]
        found += ["#" + part for part in shortened(word)]
    return tuple(dict.fromkeys(found))


def trigrams(word: str) -> Iterable[str]:
    """Return every three letters in a row."""
    return dict.fromkeys(word[at : at + 3] for at in range(len(word) - 2))


def shortened(word: str) -> Iterable[str]:
    """Return the word and what is left of it without one of its letters."""
    if len(word) not in MISREAD:
        return ()
    return dict.fromkeys([word, *(word[:at] + word[at + 1 :] for at in range(len(word)))])
