"""Whether an English text speaks well or badly of something, by VADER's lexicon and rules.

Hutto and Gilbert 2014. Made for short texts in which people say what they think; in reports it
mostly tells what happens to somebody, good or bad.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment
from analyzers.text.language import detect, load

MODEL = "vader"
LANGUAGE = "en"
EVEN = 0.05
"""Between minus and plus this, a text is neither; the authors' own threshold."""
FEWEST_WORDS = 4
LONGEST_TEXT = 10_000


class SentimentAnalyzer(BaseAnalyzer):
    """Scores a text from -1 to 1."""

    spec = AnalyzerSpec(
        name="sentiment",
        version="1",
        needs=("text",),
        emits=("semantic",),
        model=MODEL,
        cost=Cost(0.0005),
    )

    def load(self) -> None:
        load()
        score("This is a good day.")

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        body = "\n".join(text.body for text in segment.texts)[:LONGEST_TEXT]
        language = next((t.language for t in segment.texts if t.language), None) or detect(body)[0]
        wanted = priorities.get("semantic", 1) != 0 and language == LANGUAGE
        value = score(body) if wanted and len(body.split()) >= FEWEST_WORDS else 0.0
        if value == 0.0:  # it says nothing of the kind
            return None
        return AnalysisResult(
            features={"semantic": {"sentiment": {"label": label(value), "score": value}}},
            confidence_scores={"semantic": {"sentiment": confidence(value)}},
            model=MODEL,
        )


def score(text: str) -> float:
    """Return how well a text speaks, from -1 to 1."""
    return float(_analyzer().polarity_scores(text)["compound"])


def label(value: float) -> str:
    if abs(value) < EVEN:
        return "neutral"
    return "positive" if value > 0 else "negative"


def confidence(value: float) -> float:
    """Return how often the label of such a score is right: praise is meant less often than blame.

    Lines through what was measured on editorials and reviews (bench/text_features.py).
    """
    least, slope = (0.3, 0.5) if value > 0 else (0.55, 0.25)
    return round(least + slope * abs(value), 2)


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
