"""Which language a text is in: by its script where that decides, else by a statistical model."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment, Text

MODEL = "py3langid"
SAMPLE = 2_000
FEWEST_WORDS, FEWEST_LETTERS = 3, 12
LEAST_CONFIDENCE = 0.5
ONE_LANGUAGE_CONFIDENCE = 0.95
HALF = 0.5

CANDIDATES = """
    af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it
    ja ka kk km kn ko ky la lo lt lv mk ml mn mr ms mt ne nl no pa pl ps pt ro ru si sk sl sq sr sv
    sw ta te th tl tr uk ur uz vi zh
"""
"""The languages people file documents in; rarer ones are mostly misreadings of short texts."""

SCRIPTS = {
    "ko": r"\uac00-\ud7af\u1100-\u11ff",
    "ja": r"\u3040-\u30ff",
    "zh": r"\u3400-\u9fff\U00020000-\U0002ffff",
    "el": r"\u0370-\u03ff\u1f00-\u1fff",
    "th": r"\u0e00-\u0e7f",
    "he": r"\u0590-\u05ff",
    "hy": r"\u0530-\u058f",
    "ka": r"\u10a0-\u10ff",
}
SEVERAL_LANGUAGES = re.compile(r"[\u0400-\u052f\u0600-\u06ff\u0900-\u0dff]")
"""Scripts that few languages share: their model needs less text than that of Latin."""


class LanguageAnalyzer(BaseAnalyzer):
    """Reports the language most of a segment's text is in."""

    spec = AnalyzerSpec(
        name="language",
        version="1",
        needs=("text",),
        emits=("semantic",),
        model=MODEL,
        cost=Cost(0.0005),
    )

    def load(self) -> None:
        load()

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        if priorities.get("semantic", 1) == 0:
            return None
        code, confidence = _of_texts(segment.texts)
        if code is None:
            return None
        return AnalysisResult(
            features={"semantic": {"language": {"code": code, "confidence": confidence}}},
            confidence_scores={"semantic": {"language": confidence}},
            model=MODEL,
        )


def load() -> None:
    """Read the model: a sealed process cannot open it later."""
    detect("A sentence that is long enough to ask the model.")


def detect(body: str) -> tuple[str | None, float]:
    """Return the ISO 639-1 code of a text's language with its confidence; (None, 0.0) if unsure."""
    letters = [c for c in body[:SAMPLE] if c.isalpha()]
    if not letters:
        return None, 0.0
    by_script = _by_script("".join(letters))
    if by_script is not None:
        return by_script, ONE_LANGUAGE_CONFIDENCE
    if not _enough(body[:SAMPLE], "".join(letters)):
        return None, 0.0
    code, confidence = _model().classify(body[:SAMPLE])
    return (code, round(confidence, 3)) if confidence >= LEAST_CONFIDENCE else (None, 0.0)


def _of_texts(texts: list[Text]) -> tuple[str | None, float]:
    """Return the language that was written down for most of the letters, else the one detected."""
    lengths: Counter[str] = Counter()
    for text in texts:
        if text.language:
            lengths[text.language] += len(text.body)
    together = "\n".join(text.body for text in texts)
    if not lengths:
        return detect(together)
    code, length = max(lengths.items(), key=lambda item: item[1])
    detected, confidence = detect(together)
    return code, confidence if code == detected else round(length / max(1, len(together)), 3)


def _by_script(letters: str) -> str | None:
    """Return the language of a script that has one; any kana makes Chinese characters Japanese."""
    found = {code: len(re.findall(f"[{span}]", letters)) for code, span in SCRIPTS.items()}
    if found["ja"] and found["ja"] + found["zh"] > HALF * len(letters):
        return "ja"
    code = max(found, key=lambda name: found[name])
    return code if found[code] > HALF * len(letters) else None


def _enough(body: str, letters: str) -> bool:
    if len(SEVERAL_LANGUAGES.findall(letters)) > HALF * len(letters):
        return len(letters) >= 3
    return len(body.split()) >= FEWEST_WORDS and len(letters) >= FEWEST_LETTERS


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    every = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    every.set_languages([code for code in CANDIDATES.split() if code in every.labels])
    return LanguageIdentifier(  # a new one: the other keeps the tables of all languages, 27 MiB
        every.nb_ptc,
        every.nb_pc,
        every.nb_classes,
        every.tk_nextmove,
        every.tk_output,
        norm_probs=True,
        tk_row=every.tk_row,
    )
