"""The text space without a model: hashed words and pieces of words.

It finds texts that share words, or words that share a stem or differ in a letter; it knows nothing
of meaning. Every vector says so: its space is named `fallback`.
"""

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar

from analyzers.api import AnalyzerSpec, BaseAnalyzer, Cost, Embedding, Segment

SPACE = "text/fallback@1"
DIMENSIONS = 512
LONGEST_TEXT = 20_000
PIECES = (3, 4)
PIECE_WEIGHT, COMMON_WEIGHT, SHORT_WEIGHT = 0.7, 0.1, 0.6

WORD = re.compile(r"\w+")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
COMMON_WORDS = """
    a an and are as at be been but by can do for from had has have he her his i if in into is it
    its more no not of on or our she so than that the their them there these they this to was we
    were what when which who will with would you your
    aber als am an auch auf aus bei bis das dass dem den der des die ein eine einem einen einer
    eines er es für hat ich im ist mit nach nicht noch nur oder sich sie sind so um und unter von
    vor war was wie wir wird zu zum zur
    au aux avec ce ces dans de du elle en est et il je la le les leur mais ne nous on ou par pas
    pour que qui se son sur un une vous
    al con como del el es esta lo los las más no para por pero se sin su una y"""
COMMON = frozenset(COMMON_WORDS.split())


class TextFallback(BaseAnalyzer):
    """Turns the texts of a segment, and a query in words, into one space."""

    spec = AnalyzerSpec(
        name="text-fallback",
        version="1",
        needs=("text",),
        emits=(SPACE,),
        model="fallback",
        dimensions=DIMENSIONS,
        cost=Cost(0.002),
    )
    calibration: ClassVar[dict[str, float]] = {"mean": 0.122, "sd": 0.070}
    """Cosines of random pairs of texts (bench/calibrate_spaces.py)."""
    query_calibration: ClassVar[dict[str, float]] = {"mean": 0.020, "sd": 0.046}
    """Cosines of a query in words with random texts: short, so it shares less by chance."""

    def load(self) -> None:
        embed("warm up")

    def generate_embeddings(self, segment: Segment) -> list[Embedding]:
        vector = embed("\n".join(text.body for text in segment.texts))
        return [] if vector is None else [Embedding(SPACE, vector)]

    def embed_query(self, query: str | bytes) -> Embedding | None:
        vector = embed(query) if isinstance(query, str) else None
        return None if vector is None else Embedding(SPACE, vector)


def embed(text: str) -> list[float] | None:
    """Return the vector of a text; None if it has no words."""
    import numpy as np

    counts = Counter(words(text[:LONGEST_TEXT]))
    vector = np.zeros(DIMENSIONS, np.float64)
    for word, count in sorted(counts.items()):
        at, values = _features(word)
        np.add.at(vector, at, values * (1 + math.log(count)))
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        return None
    unit: list[float] = (vector / length).astype(np.float32).tolist()
    return unit


def words(text: str) -> Iterator[str]:
    """Yield the words in one spelling; in scripts without spaces, single characters and pairs."""
    for word in WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if UNSPACED.search(word):
            yield from word
            yield from (word[at : at + 2] for at in range(len(word) - 1))
        else:
            yield word


@lru_cache(maxsize=50_000)
def _features(word: str) -> tuple[Any, Any]:
    """Return where in the vector a word and its pieces lie, and with what weight."""
    import numpy as np

    weight = _weight(word)
    pieces = _pieces(word) if weight > COMMON_WEIGHT else []
    share = PIECE_WEIGHT * weight / math.sqrt(max(1, len(pieces)))
    placed = [_place("w" + word, weight), *(_place("p" + piece, share) for piece in pieces)]
    return np.array([at for at, _ in placed]), np.array([value for _, value in placed])


def _weight(word: str) -> float:
    if word in COMMON:
        return COMMON_WEIGHT
    return SHORT_WEIGHT if len(word) < 3 else 1.0


def _pieces(word: str) -> list[str]:
    framed = f"^{word[:40]}$"
    if len(framed) <= min(PIECES) or UNSPACED.search(word):
        return []
    return [framed[at : at + n] for n in PIECES for at in range(len(framed) - n + 1)]


def _place(feature: str, weight: float) -> tuple[int, float]:
    """Return a dimension and a signed weight: signs make collisions cancel instead of add up."""
    drawn = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=4).digest(), "big")
    return (drawn >> 1) % DIMENSIONS, weight if drawn & 1 else -weight
