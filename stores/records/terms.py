"""What a person typed, as the terms and phrases that the search vectors know."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stores.records.lexemes import MISREAD, quoted, shortened, trigrams
from stores.records.stems import stems
from stores.records.stopwords import common
from stores.records.tokens import Token, tokens

MOST_TERMS = 16
_LONGEST_QUERY = 2_000
_LONGEST_PHRASE = 32
_QUOTES = str.maketrans(dict.fromkeys("“”„«»‟〝〞", '"'))
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: a text has it if it has any of its lexemes."""

    word: str
    lexemes: tuple[str, ...]
    fuzzy: str = ""
    """A tsquery that also finds the word misread, in text read off pictures; "" for none."""
    common: bool = False

    @property
    def tsquery(self) -> str:
        return " | ".join(map(quoted, self.lexemes))


@dataclass(frozen=True, slots=True)
class Query:
    """Terms rank a text, phrases (tsqueries) must be in it."""

    terms: tuple[Term, ...]
    phrases: tuple[str, ...] = ()


def query_terms(query: str, languages: Sequence[str] = ()) -> Query:
    """Return the terms of a query; `languages` are those the searched texts are written in."""
    text = query[:_LONGEST_QUERY].translate(_QUOTES)
    phrases = (_phrase(found) for found in _QUOTED.findall(text))
    found = {term.word: term for term in _terms(text, languages)}.values()
    rarest = sorted(found, key=lambda term: term.common)[:MOST_TERMS]
    kept = {term.word for term in rarest}
    terms = tuple(term for term in found if term.word in kept)
    return Query(terms, tuple(dict.fromkeys(phrase for phrase in phrases if phrase)))


def _phrase(text: str) -> str:
    words = [quoted("=" + token.word) for token in tokens(text)]
    return " <-> ".join(words[:_LONGEST_PHRASE])


def _terms(text: str, languages: Sequence[str]) -> Iterator[Term]:
    found = list(tokens(text))
    for at, token in enumerate(found):
        next_follows = at + 1 < len(found) and found[at + 1].follows
        if token.follows:
            pair = found[at - 1].word + token.word
            yield Term(pair, ("~" + pair,))
        elif token.unspaced and not next_follows:
            yield Term(token.word, ("=" + token.word,))
        elif not token.unspaced:
            yield _term(token, languages)


def _term(token: Token, languages: Sequence[str]) -> Term:
    forms = tuple("~" + stem for stem in stems(token.plain, languages))
    return Term(token.word, forms, _misread(token.word), common(token.word, languages))


def _misread(word: str) -> str:
    if len(word) not in MISREAD:
        return ""
    glued = " <0> ".join(quoted("^" + part) for part in trigrams(word))  # all in one word
    return " | ".join([f"({glued})", *(quoted("#" + part) for part in shortened(word))])
