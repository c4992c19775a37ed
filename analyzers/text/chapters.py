"""Chapters of a long recording: where its words change, told from nothing but the words.

Of all ways to cut a text, the likeliest is that in which the words of each part foretell each
other, at a price for each cut: M. Utiyama, H. Isahara, "A statistical model for domain-independent
text segmentation", ACL 2001. A word costs what the words before it in its part leave it, by the
Dirichlet compound multinomial of J. Eisenstein, R. Barzilay, "Bayesian unsupervised topic
segmentation", EMNLP 2008, so that a talk about one thing is not cut. bench/chapters.py tells how
right it is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import inf, log
from typing import Any

from analyzers.text.keywords import WORD, languages, stop_words

METHOD = "dirichlet-compound-multinomial"
SHORTEST_S = 60.0
LONGEST_S = 40 * 60.0
UNIT_S = 15.0
"""Utterances are taken together to so much at least: a cut inside a breath is none."""
FEWEST_WORDS = 300
"""Fewer words that mean something are no long recording."""
PRIOR = 0.5
"""What each word of the recording counts before it is said in a part: Jeffreys' choice."""
NAMED = 5
"""Words that stand for a chapter."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said from one time to another."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a recording, and the words that it has and the others have not."""

    start: float
    end: float
    words: tuple[str, ...]


def chapters(spoken: Sequence[Spoken], language: str | None) -> list[Chapter]:
    """Return the chapters of a recording in the order of time; [] if it is about one thing."""
    if not spoken or language not in languages():
        return []
    units = list(_units(spoken))
    terms = [_terms(text, language) for _, _, text in units]
    if sum(map(len, terms)) < FEWEST_WORDS:
        return []
    starts = [start for start, _, _ in units]
    cuts = cheapest(terms, [*starts, units[-1][1]])
    if len(cuts) < 3:
        return []
    ends = [*(starts[cut] for cut in cuts[1:-1]), units[-1][1]]
    parts = [[t for unit in terms[a:b] for t in unit] for a, b in pairwise(cuts)]
    shown = _shown(spoken, language)
    return [
        Chapter(starts[cut], end, _names(part, parts, shown))
        for cut, end, part in zip(cuts, ends, parts, strict=False)
    ]


def cheapest(terms: Sequence[Sequence[str]], times: Sequence[float] = ()) -> list[int]:
    """Return where the likeliest parts begin, and the number of units; 0 is always first.

    With times, one more than units, no part is shorter than SHORTEST_S or longer than LONGEST_S,
    unless there is no other way.
    """
    total, kinds = sum(map(len, terms)), len({t for unit in terms for t in unit})
    best: list[float] = [0.0] + [inf] * len(terms)
    back = [0] * (len(terms) + 1)
    for first in range(len(terms)):
        if best[first] == inf:
            continue
        for last, cost in _costs(terms, first, kinds):
            length = times[last] - times[first] if times else SHORTEST_S
            if length > LONGEST_S and best[last] < inf:
                break
            short = length < SHORTEST_S and not (first == 0 and last == len(terms))
            price = best[first] + cost + log(max(2, total))
            if not short and price < best[last]:
                best[last], back[last] = price, first
    cuts, at = [len(terms)], len(terms)
    while at:
        at = back[at]
        cuts.append(at)
    return cuts[::-1]


def _costs(terms: Sequence[Sequence[str]], first: int, kinds: int) -> Iterator[tuple[int, float]]:
    """Yield for every end what the words of a part cost, each given those before it."""
    counts: Counter[str] = Counter()
    length, cost = 0, 0.0
    for last in range(first, len(terms)):
        for term in terms[last]:
            cost += log(length + PRIOR * kinds) - log(counts[term] + PRIOR)
            counts[term] += 1
            length += 1
        yield last + 1, cost


def _units(spoken: Sequence[Spoken]) -> Iterator[tuple[float, float, str]]:
    """Yield utterances joined to units: start, end and text."""
    held: list[Spoken] = []
    for utterance in spoken:
        held.append(utterance)
        if utterance.end - held[0].start >= UNIT_S:
            yield held[0].start, utterance.end, " ".join(s.text for s in held)
            held = []
    if held:
        yield held[0].start, held[-1].end, " ".join(s.text for s in held)


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer

    names = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian"}
    names |= {"nl": "dutch", "pt": "portuguese", "sv": "swedish", "da": "danish", "fi": "finnish"}
    return snowballstemmer.stemmer(names.get(language, "porter"))


def _terms(text: str, language: str) -> list[str]:
    stop, stemmer = stop_words(language), _stemmer(language)
    words = (word.casefold() for word in WORD.findall(text))
    return [stemmer.stemWord(word) for word in words if word not in stop and not word.isdigit()]


def _shown(spoken: Sequence[Spoken], language: str) -> dict[str, str]:
    """Return for each stem the word that it is most often said as."""
    said: dict[str, Counter[str]] = {}
    stemmer = _stemmer(language)
    for utterance in spoken:
        for word in WORD.findall(utterance.text):
            said.setdefault(stemmer.stemWord(word.casefold()), Counter())[word] += 1
    return {stem: words.most_common(1)[0][0] for stem, words in said.items()}


def _names(
    part: Sequence[str], parts: Sequence[Sequence[str]], shown: dict[str, str]
) -> tuple[str, ...]:
    """Return the words of a part that are frequent in it and rare in the others (tf-idf)."""
    counts = Counter(part)
    worth = {
        term: count * log(len(parts) / sum(term in set(p) for p in parts) + 1)
        for term, count in counts.items()
        if count > 1
    }
    best = sorted(worth, key=lambda term: (-worth[term], term))[:NAMED]
    return tuple(shown.get(term, term) for term in best)
