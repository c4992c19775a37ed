"""Segments, results and ranges as JSON: between parent and child, and between two stages.

What is read back came out of a process that has decoded hostile bytes: it is checked, not believed.
"""

import math
import re
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
LARGEST = 1e300
EXACT = 1 << 53
"""JSON readers keep whole numbers up to here."""

_MARKERS = frozenset({"time", "page", "char", "xywh", "row"})
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MIME = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,126}")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What JSON can say and no database or UTF-8 can hold."""


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
    start, end = _marker(item.get("start")), _marker(item.get("end"))
    if _first(end, math.inf) < _first(start, 0):
        raise _invalid("a segment ends before it starts")
    return Segment(
        type=_matching(_WORD, item.get("type"), "type"),
        start_marker=start,
        end_marker=end,
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
            _one_of(domain, Domain): {
                _string(kind, "feature type", 100): _share(score, kind)
                for kind, score in _mapping(scores, domain).items()
            }
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
    return Artifact(
        kind=_matching(_WORD, item.get("kind"), "kind"),
        mime_type=mime_type_from(item.get("mime")),
        data=data,
        segment=None if item.get("segment") is None else _name(item, "segment"),
        metadata=metadata_from(item.get("metadata")),
    )


def mime_type_from(raw: Any) -> str:
    return _matching(_MIME, raw, "MIME type")


def metadata_from(raw: Any) -> dict[str, Any]:
    """Read a mapping of JSON."""
    return {
        _string(key, "key", NAME): _json(value, DEPTH)
        for key, value in _mapping(raw, "metadata").items()
    }


def seconds_from(raw: Any) -> float:
    """Read how long something took."""
    seconds = _number(raw, "seconds")
    if seconds < 0:
        raise _invalid("seconds are less than none")
    return seconds


def range_to_list(piece: Range) -> list[Any]:
    return [piece.unit, piece.start, piece.end]


def range_from_list(raw: Any) -> Range:
    match raw:
        case [
            ("time" | "sound" | "pages" | "bytes") as unit,
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
        body=_string(item.get("body"), "body", BODY),
        language=None if language is None else _string(language, "language", 20),
        confidence=None if confidence is None else _share(confidence, "confidence"),
    )


def _features(raw: Any) -> Features:
    return {
        _one_of(domain, Domain): {
            _string(kind, "feature type", 100): _json(data, DEPTH)
            for kind, data in _mapping(found, domain).items()
        }
        for domain, found in _mapping(raw, "features").items()
    }


def _marker(raw: Any) -> dict[str, Any]:
    return {name: _place(name, value) for name, value in _mapping(raw, "marker").items()}


def _first(marker: Mapping[str, Any], otherwise: float) -> float:
    time = marker.get("time", otherwise)
    return float(time[0] if isinstance(time, list) else time)


def _place(name: str, value: Any) -> float | list[float]:
    """Read one part of a marker: a number, the two ends of a range, or the four of a box."""
    if name not in _MARKERS:
        raise _invalid(f"{name!r:.50} is no part of a marker")
    if not isinstance(value, list):
        return _positive(value, name)
    if len(value) != (4 if name == "xywh" else 2):
        raise _invalid(f"{name} has {len(value)} numbers")
    return [_positive(number, name) for number in value]


def _positive(value: Any, what: str) -> float:
    if _number(value, what) < 0:
        raise _invalid(f"{what} is negative")
    return _number(value, what)


def _json(value: Any, depth: int) -> Any:
    """Return a copy that every store can hold."""
    if depth == 0:
        raise _invalid("data is nested too deeply")
    match value:
        case dict():
            return {_string(k, "key", NAME): _json(v, depth - 1) for k, v in value.items()}
        case list():
            return [_json(inner, depth - 1) for inner in value]
        case str():
            return _string(value, "data", BODY)
        case bool() | None:
            return value
    return _number(value, "data")


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


def _matching(pattern: re.Pattern[str], value: Any, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _invalid(f"{value!r:.50} is no {what}")
    return value


def _string(value: Any, what: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise _invalid(f"{what} is no text of up to {longest} characters")
    return _NO_TEXT.sub("", value)


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"{what} is no number")
    if not -LARGEST < value < LARGEST:  # false for NaN, too
        raise _invalid(f"{what} is not finite")
    return value if isinstance(value, float) or -EXACT < value < EXACT else float(value)


def _share(value: Any, what: str) -> float:
    if not 0 <= _number(value, what) <= 1:
        raise _invalid(f"{what} is not between 0 and 1")
    return float(value)


def _one_of(value: Any, names: Callable[[str], str]) -> str:
    try:
        return str(names(value))
    except ValueError:
        raise _invalid(f"{value!r:.50} is not in the list") from None


def _invalid(detail: str) -> MediaFailed:
    return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, detail)
