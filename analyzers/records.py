"""Segments, results and ranges as JSON: between parent and child, and between two stages.

What is read back came out of a process that has decoded hostile bytes: it is checked, not believed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analyzers.api import AnalysisResult, Artifact, Embedding, Features, Range, Segment, Text
from dataflux.errors import MediaFailed
from schemas.names import Domain, Reason, TextSource

NAME = 200
"""Longest key, type or kind."""
BODY = 1_000_000
"""Longest text, in code points."""
DEPTH = 20
"""Deepest nesting of feature data."""

_MARKERS = frozenset({"time", "page", "char", "xywh", "row"})


def segment_to_dict(segment: Segment) -> dict[str, Any]:
    """Return a segment without its raw data and its derived objects."""
    return {
        "type": segment.type,
        "start": segment.start_marker,
        "end": segment.end_marker,
        "key": segment.key,
        "parent": segment.parent,
        "confidence": segment.confidence,
        "texts": [_text_to_dict(text) for text in segment.texts],
        "features": segment.features,
    }


def segment_from_dict(raw: Any) -> Segment:
    """Read a segment; raise MediaFailed(analyzer_invalid_output) if it is none."""
    item = _mapping(raw, "segment")
    return Segment(
        type=_name(item, "type"),
        start_marker=_marker(item.get("start")),
        end_marker=_marker(item.get("end")),
        key=_name(item, "key"),
        parent=None if item.get("parent") is None else _name(item, "parent"),
        confidence=_share(item.get("confidence"), "confidence"),
        texts=[_text_from_dict(text) for text in _list(item, "texts")],
        features=_features(item.get("features")),
    )


def result_to_dict(result: AnalysisResult) -> dict[str, Any]:
    return {
        "features": result.features,
        "confidences": result.confidence_scores,
        "texts": [_text_to_dict(text) for text in result.texts],
        "segments": [segment_to_dict(segment) for segment in result.segments],
        "time": result.processing_time,
        "model": result.model,
    }


def result_from_dict(raw: Any) -> AnalysisResult:
    item = _mapping(raw, "result")
    confidences = _mapping(item.get("confidences"), "confidences")
    return AnalysisResult(
        features=_features(item.get("features")),
        confidence_scores={
            domain: {k: _share(v, k) for k, v in _mapping(scores, domain).items()}
            for domain, scores in confidences.items()
        },
        texts=[_text_from_dict(text) for text in _list(item, "texts")],
        segments=[segment_from_dict(segment) for segment in _list(item, "segments")],
        processing_time=_number(item.get("time"), "time"),
        model=None if item.get("model") is None else _name(item, "model"),
    )


def artifact_to_dict(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact's head; its bytes travel beside it."""
    return {
        "kind": artifact.kind,
        "mime": artifact.mime_type,
        "segment": artifact.segment,
        "metadata": dict(artifact.metadata),
    }


def artifact_from_dict(raw: Any, data: bytes) -> Artifact:
    item = _mapping(raw, "artifact")
    metadata = _mapping(item.get("metadata"), "metadata")
    _check_json(metadata, DEPTH)
    return Artifact(
        kind=_name(item, "kind"),
        mime_type=_name(item, "mime"),
        data=data,
        segment=None if item.get("segment") is None else _name(item, "segment"),
        metadata=metadata,
    )


def range_to_list(piece: Range) -> list[Any]:
    return [piece.unit, piece.start, piece.end]


def range_from_list(raw: Any) -> Range:
    match raw:
        case [
            ("time" | "pages" | "bytes") as unit,
            int() | float() as start,
            int() | float() as end,
        ]:
            if 0 <= start < end < math.inf:
                return Range(unit, start, end)
    raise _invalid(f"{raw!r:.100} is no range")


def embeddings_from(spaces: Any, vectors: Sequence[Sequence[float]]) -> list[Embedding]:
    """Pair the names of spaces with their vectors."""
    if not isinstance(spaces, list) or len(spaces) != len(vectors):
        raise _invalid("a vector has no space")
    return [
        Embedding(_string(space, "space", NAME), vector)
        for space, vector in zip(spaces, vectors, strict=True)
    ]


def _text_to_dict(text: Text) -> dict[str, Any]:
    return {
        "source": text.source,
        "body": text.body,
        "language": text.language,
        "confidence": text.confidence,
    }


def _text_from_dict(raw: Any) -> Text:
    item = _mapping(raw, "text")
    confidence, language = item.get("confidence"), item.get("language")
    return Text(
        source=TextSource(_one_of(item.get("source"), TextSource)),
        body=_string(item.get("body"), "body", BODY).replace("\0", ""),
        language=None if language is None else _string(language, "language", 20),
        confidence=None if confidence is None else _share(confidence, "confidence"),
    )


def _features(raw: Any) -> Features:
    features = _mapping(raw, "features")
    for domain, found in features.items():
        _one_of(domain, Domain)
        for kind, data in _mapping(found, domain).items():
            _string(kind, "feature type", 100)
            _check_json(data, DEPTH)
    return dict(features)


def _marker(raw: Any) -> dict[str, Any]:
    marker = _mapping(raw, "marker")
    if not set(marker) <= _MARKERS:
        raise _invalid(f"marker {sorted(marker)} has unknown names")
    for name, value in marker.items():
        for number in value if isinstance(value, list) else [value]:
            if _number(number, name) < 0:
                raise _invalid(f"marker {name} is negative")
    return dict(marker)


def _check_json(value: Any, depth: int) -> None:
    if depth == 0:
        raise _invalid("feature data is nested too deeply")
    match value:
        case dict():
            for key, inner in value.items():
                _string(key, "key", NAME)
                _check_json(inner, depth - 1)
        case list():
            for inner in value:
                _check_json(inner, depth - 1)
        case str():
            _string(value, "feature data", BODY)
        case bool() | None:
            pass
        case _:
            _number(value, "feature data")


def _mapping(raw: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _invalid(f"{what} is no object")
    return raw


def _list(item: Mapping[str, Any], name: str) -> list[Any]:
    value = item.get(name)
    if not isinstance(value, list):
        raise _invalid(f"{name} is no list")
    return value


def _name(item: Mapping[str, Any], name: str) -> str:
    value = _string(item.get(name), name, NAME)
    if not value:
        raise _invalid(f"{name} is empty")
    return value


def _string(value: Any, what: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise _invalid(f"{what} is no text of up to {longest} characters")
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(f"{what} is no finite number")
    return value


def _share(value: Any, what: str) -> float:
    if not 0 <= _number(value, what) <= 1:
        raise _invalid(f"{what} is not between 0 and 1")
    return float(value)


def _one_of(value: Any, names: Callable[[str], str]) -> str:
    try:
        return names(value)
    except ValueError:
        raise _invalid(f"{value!r:.50} is not in the list") from None


def _invalid(detail: str) -> MediaFailed:
    return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, detail)
