"""What a child answers, checked: it has decoded hostile bytes and is not believed."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from analyzers import records
from analyzers.api import AnalyzerSpec, Artifact, Embedding, Range, Segment
from analyzers.registry import Registry
from analyzers.sandbox.frames import Frame
from dataflux.errors import MediaFailed
from schemas.names import Kind, Reason

MOST_PIECES = 20_000
UNIT = 1e-3
"""How far the length of a vector may be from 1: they are stored with 16 bits."""


@dataclass(frozen=True, slots=True)
class Identified:
    """What a file is: `analyzer` cuts it, in `pieces` (empty: in one)."""

    mime_type: str
    kind: str
    analyzer: str
    metadata: Mapping[str, Any]
    pieces: Sequence[Range]


def only(frames: Iterable[Frame]) -> Frame:
    """Return the one frame that was asked for."""
    found = list(zip(frames, range(2), strict=False))
    if len(found) != 1:
        raise _invalid("not one answer to one question")
    return found[0][0]


def identified(head: Mapping[str, Any], registry: Registry) -> Identified:
    match head:
        case {
            "mime": mime,
            "kind": str() as kind,
            "analyzer": str() as analyzer,
            "metadata": metadata,
            "pieces": list() as pieces,
        } if kind in frozenset(Kind):
            return Identified(
                records.mime_type_from(mime),
                kind,
                _segmenter(analyzer, mime, registry),
                records.metadata_from(metadata),
                _pieces(pieces),
            )
    raise _invalid("an identification without its parts")


def _segmenter(name: str, mime_type: str, registry: Registry) -> str:
    found = registry.segmenter_for(mime_type)
    if found is None or found.spec.id != name:
        raise _invalid(f"{name:.50} does not cut {mime_type}")
    return name


def _pieces(raw: list[Any]) -> list[Range]:
    """Read pieces in their order, none of which reaches into another; sound lies beside time."""
    if len(raw) > MOST_PIECES:
        raise MediaFailed(
            Reason.DECODE_LIMIT_EXCEEDED,
            f"{len(raw)} pieces, at most {MOST_PIECES}",
            limit="pieces",
        )
    pieces = [records.range_from_list(piece) for piece in raw]
    for before, after in pairwise(pieces):
        beside = (before.unit, after.unit) == ("sound", "time")
        if not beside and (after.unit != before.unit or after.start < before.end):
            raise _invalid("pieces that overlap")
    return pieces


def findings(frames: Iterable[Frame], most: int) -> Iterator[Segment | Artifact]:
    """Yield segments, none of which has another's key, and derived objects."""
    keys: set[str] = set()
    for number, (head, payload) in enumerate(frames):
        if number == most:
            raise MediaFailed(
                Reason.DECODE_LIMIT_EXCEEDED, f"more than {most} findings", limit="findings"
            )
        if "segment" not in head:
            yield records.artifact_from_dict(head.get("artifact"), payload)
            continue
        segment = records.segment_from_dict(head["segment"])
        if segment.key in keys:
            raise _invalid(f"two segments with the key {segment.key!r:.100}")
        keys.add(segment.key)
        yield segment


def all_embeddings(
    frames: Iterable[Frame], spec: AnalyzerSpec, segments: int
) -> list[list[Embedding]]:
    """Read the vectors of as many segments as were sent."""
    found = [embeddings(frame, spec) for frame in islice(frames, segments + 1)]
    if len(found) != segments:
        raise _no_embedding(f"{len(found)} answers about {segments} segments")
    return found


def embeddings(frame: Frame, spec: AnalyzerSpec) -> list[Embedding]:
    """Read the vectors of one segment: in the spaces of the embedder, as long as it says, of 1."""
    head, payload = frame
    spaces = head.get("spaces")
    if not isinstance(spaces, list) or not set(map(str, spaces)) <= set(spec.emits):
        raise _no_embedding("not in the embedder's spaces")
    dimensions = spec.dimensions or 0
    if len(set(spaces)) != len(spaces) or head.get("lengths") != [dimensions] * len(spaces):
        raise _no_embedding(f"not one vector of {dimensions} a space")
    if len(payload) != 4 * dimensions * len(spaces):
        raise _no_embedding("vectors cut short")
    values = array("f", payload)
    vectors = [values[at : at + dimensions] for at in range(0, len(values), dimensions)]
    for vector in vectors:
        if not abs(math.hypot(*vector) - 1) < UNIT:  # false for NaN, too
            raise _no_embedding("a vector whose length is not 1")
    return records.embeddings_from(spaces, vectors)


def prepared(frames: Iterable[Frame], segments: int) -> list[bytes | None]:
    """Read what an encoder's model is to be given for each of as many segments as were sent."""
    found = [_input(frame) for frame in islice(frames, segments + 1)]
    if len(found) != segments:
        raise _no_embedding(f"{len(found)} answers about {segments} segments")
    return found


def _input(frame: Frame) -> bytes | None:
    match frame:
        case {"prepared": True}, payload:
            return payload
        case {"prepared": False}, _:
            return None
    raise _no_embedding("not an answer about a segment")


def encoded(vectors: Sequence[Sequence[float]], spec: AnalyzerSpec) -> list[Embedding]:
    """Check what a model has computed, in our own process: a broken model gives no numbers."""
    for vector in vectors:
        if len(vector) != spec.dimensions or not abs(math.hypot(*vector) - 1) < UNIT:
            raise _no_embedding(f"not a vector of {spec.dimensions} numbers, 1 long")
    return [Embedding(spec.emits[0], vector) for vector in vectors]


def _no_embedding(detail: str) -> MediaFailed:
    return MediaFailed(Reason.EMBEDDING_INVALID, detail)


def _invalid(detail: str) -> MediaFailed:
    return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, detail)
