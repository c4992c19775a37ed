"""Stems of words: by the script of the word always, and by the language of the text if known."""

import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from stores.records.tokens import fold

_ALGORITHMS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "eo": "esperanto", "es": "spanish", "et": "estonian",
    "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
_BY_SCRIPT = (
    ("a", "z", "english"),
    ("\u0370", "\u03ff", "greek"),
    ("\u0400", "\u04ff", "russian"),
    ("\u0530", "\u058f", "armenian"),
    ("\u0600", "\u06ff", "arabic"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
)
_local = threading.local()  # a stemmer keeps its word in itself: one a thread


def stems(plain: str, languages: Iterable[str | None] = ()) -> list[str]:
    """Return the distinct folded stems of a lower-case word, the one of its script first.

    A query whose language nobody knows therefore still meets the text.
    """
    names = [_algorithm(language) for language in languages]
    found = [_stem(_of_script(plain), fold(plain)), *(_stem(name, plain) for name in names if name)]
    return list(dict.fromkeys(found))


def _algorithm(language: str | None) -> str | None:
    return _ALGORITHMS.get((language or "").lower().replace("_", "-").split("-")[0])


def _of_script(word: str) -> str | None:
    first = fold(word)[:1]
    return next((name for low, high, name in _BY_SCRIPT if low <= first <= high), None)


@lru_cache(maxsize=1 << 16)
def _stem(algorithm: str | None, word: str) -> str:
    if algorithm is None or any(character.isdigit() for character in word):
        return fold(word)
    return fold(_stemmer(algorithm).stemWord(word)) or fold(word)


def _stemmer(algorithm: str) -> Any:
    known = _local.__dict__.setdefault("stemmers", {})
    if algorithm not in known:
        from snowballstemmer import stemmer

        known[algorithm] = stemmer(algorithm)
    return known[algorithm]
