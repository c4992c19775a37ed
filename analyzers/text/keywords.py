"""Keywords of a text, found from the text alone, in every language there are stop words of.

The statistic is that of YAKE (Campos et al. 2020, Information Sciences 509): a word matters if it
is written like a name, stands early, is frequent, keeps to few neighbours and comes in many
sentences.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from itertools import pairwise
from statistics import mean, median, pstdev

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment
from analyzers.text.language import detect, load

METHOD = "yake-statistic"
LONGEST_PHRASE = 3
MOST = 8
FEWEST_WORDS = 20
"""A shorter text is not about more than what it says."""
LONGEST_TEXT = 20_000
ALIKE = 0.8
SURE = 0.5
"""Fixed, not measured: all are words of the text; of which people, asked, name fewer (docs)."""
UNPARTED = frozenset({"ja", "zh"})
SENTENCE = re.compile(r"[.!?…]+[\s\"'»”)]+|[。！？]|\n+|[;:]\s")
CHUNK = re.compile(r"[,()\[\]{}\"“”„«»—–|/]+")
WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")


class KeywordsAnalyzer(BaseAnalyzer):
    """Finds a few words and phrases that say what a longer text is about."""

    spec = AnalyzerSpec(
        name="keywords",
        version="1",
        needs=("text",),
        emits=("semantic",),
        model=METHOD,
        cost=Cost(0.0005),
    )

    def load(self) -> None:
        load()
        for language in languages():
            stop_words(language)

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        if priorities.get("semantic", 1) == 0:
            return None
        body = "\n".join(text.body for text in segment.texts)[:LONGEST_TEXT]
        language = next((t.language for t in segment.texts if t.language), None) or detect(body)[0]
        found = keywords(body, language)
        if not found:
            return None
        return AnalysisResult(
            features={"semantic": {"keywords": {"terms": found}}},
            confidence_scores={"semantic": {"keywords": SURE}},
            model=METHOD,
        )


@cache
def languages() -> frozenset[str]:
    """Return the codes of the languages whose stop words are known and that part their words."""
    from stop_words import LANGUAGE_MAPPING

    return frozenset(LANGUAGE_MAPPING) - UNPARTED


@cache
def stop_words(language: str) -> frozenset[str]:
    from stop_words import get_stop_words

    return frozenset(word.casefold() for word in get_stop_words(language))


def keywords(text: str, language: str | None) -> list[str]:
    """Return the keywords of a text, the best first; none of a short or a foreign one."""
    if language is None or language not in languages():
        return []
    sentences = [_chunks(sentence) for sentence in SENTENCE.split(text)]
    words = [word for chunks in sentences for chunk in chunks for word in chunk]
    if len(words) < FEWEST_WORDS:
        return []
    scores = _scores(sentences, stop_words(language))
    phrases = _phrases(sentences, scores)
    ranked = sorted(phrases, key=lambda key: (_phrase_score(key, phrases[key].count, scores), key))
    return _distinct([phrases[key].shown for key in ranked])


def _chunks(sentence: str) -> list[list[str]]:
    """Return the words of a sentence, between marks that no phrase reaches across."""
    return [WORD.findall(chunk) for chunk in CHUNK.split(sentence)]


@dataclass(slots=True)
class _Term:
    count: int = 0
    capital: int = 0
    acronym: int = 0
    sentences: list[int] = field(default_factory=list)
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)


def _scores(sentences: Sequence[Sequence[Sequence[str]]], stop: frozenset[str]) -> dict[str, float]:
    """Return the score of each word that is no stop word; small is good."""
    terms = _terms(sentences)
    wanted = {word: term for word, term in terms.items() if word not in stop and _is_word(word)}
    if not wanted:
        return {}
    counts = [term.count for term in wanted.values()]
    usual, most = mean(counts) + pstdev(counts), max(term.count for term in terms.values())
    return {word: _score(term, usual, most, len(sentences)) for word, term in wanted.items()}


def _is_word(word: str) -> bool:
    return len(word) > 2 and not word[0].isdigit()


def _terms(sentences: Sequence[Sequence[Sequence[str]]]) -> dict[str, _Term]:
    terms: dict[str, _Term] = defaultdict(_Term)
    for number, chunks in enumerate(sentences):
        for at, chunk in enumerate(chunks):
            for place, word in enumerate(chunk):
                term = terms[word.casefold()]
                term.count += 1
                term.sentences.append(number)
                first = at == 0 and place == 0
                term.capital += word[0].isupper() and not first
                term.acronym += word.isupper() and len(word) > 1
            for one, other in pairwise(word.casefold() for word in chunk):
                terms[one].after[other] += 1
                terms[other].before[one] += 1
    return terms


def _score(term: _Term, usual: float, most: int, sentences: int) -> float:
    casing = max(term.capital, term.acronym) / (1 + math.log(term.count))
    position = math.log(math.log(3 + median(term.sentences)))
    frequency = term.count / usual
    spread = len(set(term.sentences)) / sentences
    related = 1 + (_variety(term.before) + _variety(term.after)) * term.count / most
    return related * position / (casing + frequency / related + spread / related)


def _variety(neighbours: Counter[str]) -> float:
    """Return how many different words stand beside one, for each time that any does."""
    return len(neighbours) / neighbours.total() if neighbours else 0.0


@dataclass(slots=True)
class _Phrase:
    shown: str
    count: int = 0


def _phrases(
    sentences: Sequence[Sequence[Sequence[str]]], scores: Mapping[str, float]
) -> dict[tuple[str, ...], _Phrase]:
    """Return the runs of words that may be keywords, as they are first written."""
    found: dict[tuple[str, ...], _Phrase] = {}
    for chunk in (chunk for chunks in sentences for chunk in chunks):
        for run in _runs(chunk):
            key = tuple(word.casefold() for word in run)
            if all(word in scores for word in key) and len(set(key)) == len(key):
                found.setdefault(key, _Phrase(" ".join(run))).count += 1
    return found


def _runs(chunk: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(len(chunk)):
        for length in range(1, min(LONGEST_PHRASE, len(chunk) - start) + 1):
            yield chunk[start : start + length]


def _phrase_score(key: tuple[str, ...], count: int, scores: Mapping[str, float]) -> float:
    each = [scores[word] for word in key]
    return math.prod(each) / (count * (1 + sum(each)))


def _distinct(phrases: Sequence[str]) -> list[str]:
    """Return the best that are not nearly the same as a better one."""
    kept: list[str] = []
    for phrase in phrases:
        folded = phrase.casefold()
        if not any(_alike(folded, other.casefold()) for other in kept):
            kept.append(phrase)
        if len(kept) == MOST:
            break
    return kept


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() >= ALIKE
