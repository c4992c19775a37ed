"""What a sealed child does: one task on one nameless file, its findings as frames on a pipe."""

import os
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast

from analyzers import containers, records
from analyzers.api import Artifact, Embedding, Encoder, Finder, Segment
from analyzers.declared import wants
from analyzers.sandbox import frames
from analyzers.sandbox.bundle import unpack
from analyzers.sandbox.endings import OUT_OF_MEMORY
from analyzers.sandbox.files import FdFile, RangeFile, write_all
from analyzers.sandbox.frames import Frame
from analyzers.sandbox.loaded import Loaded
from analyzers.sniff import KNOWN, kind_of, sniff
from dataflux.errors import MediaFailed
from schemas.names import LimitName, Reason

Arguments = Mapping[str, Any]

SOUND_OF = {"video/webm": "audio/webm", "video/x-matroska": "audio/x-matroska"}


def run(loaded: Loaded, job: Arguments, source: int, out: int) -> None:
    """Run a job to its end; whatever happens becomes a frame."""
    size = job.get("size")
    file = cast(BinaryIO, FdFile(source) if size is None else RangeFile(source, size))
    try:
        for head, payload in TASKS[job["task"]](loaded, file, job["arguments"]):
            write_all(out, _packed(head, payload))
        write_all(out, frames.pack({"end": True, "spent": time.process_time()}))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # there may be none left to say so
    except MediaFailed as error:
        write_all(out, frames.pack({"failed": failure_to_dict(error)}))
    except Exception as error:
        failed = MediaFailed(_reason(error, Reason.CORRUPT_MEDIA), repr(error)[:300])
        write_all(out, frames.pack({"failed": failure_to_dict(failed)}))


def refuse(out: int, why: str) -> None:
    """Say that nothing is decoded here: this process could not be sealed."""
    failed = MediaFailed(Reason.SANDBOX_UNAVAILABLE, why)
    write_all(out, frames.pack({"failed": failure_to_dict(failed)}))


def _packed(head: dict[str, Any], payload: bytes) -> bytes:
    if not frames.is_json(head):
        raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a finding that is no JSON")
    return frames.pack(head, payload)


def failure_to_dict(error: MediaFailed) -> dict[str, Any]:
    return {"reason": error.reason, "detail": error.detail[:300], "limit": error.limit}


def failure_from_dict(raw: Any) -> MediaFailed:
    match raw:
        case {"reason": str() as reason, "detail": str() as detail, "limit": str() | None as limit}:
            if reason in frozenset(Reason):
                known = limit if limit in frozenset(LimitName) else None  # it goes into an event
                return MediaFailed(Reason(reason), detail[:300], limit=known)
    return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a failure without a known reason")


def _reason(error: Exception, otherwise: Reason) -> Reason:
    """Native code reports a refused allocation in its own words; a refused import is our fault."""
    if getattr(error, "errno", None) == 12 or "bad_alloc" in str(error):
        return Reason.DECODER_OOM
    return Reason.INTERNAL_ERROR if isinstance(error, ImportError) else otherwise


def _identify(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    mime = _mime_type(loaded, file, arguments)
    found = loaded.registry.segmenter_for(mime)
    if found is None:
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, mime)
    analyzer = loaded.use(found.spec.id)
    file.seek(0)
    if not analyzer.validate_file(file):
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"{analyzer.spec.name} cannot read it")
    file.seek(0)
    metadata = dict(analyzer.get_metadata(file))
    mime = metadata.pop("mime_type", mime)
    file.seek(0)
    pieces = analyzer.plan_pieces(file, {"mime_type": mime, **arguments["config"]})
    head = {
        "mime": mime,
        "kind": metadata.pop("kind", kind_of(mime)),
        "analyzer": analyzer.spec.id,
        "metadata": metadata,
        "pieces": [records.range_to_list(piece) for piece in pieces],
    }
    yield head, b""


def _mime_type(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> str:
    """Return what the bytes are; for a type that only a plugin knows, what the sender says."""
    declared = arguments["declared"] or ""
    try:
        mime = sniff(file, declared, arguments["filename"])
    except MediaFailed as error:
        unknown = error.reason is Reason.UNSUPPORTED_MEDIA_TYPE and declared not in KNOWN
        if unknown and loaded.registry.segmenter_for(declared) is not None:
            return str(declared)
        raise
    return SOUND_OF.get(mime, "audio/mp4") if containers.sound_only(file, mime) else mime


def _extract(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    config = dict(arguments["config"])
    if arguments["piece"] is not None:
        config["piece"] = records.range_from_list(arguments["piece"])
    for found in loaded.use(arguments["analyzer"]).extract_segments(file, config):
        if isinstance(found, Segment):
            yield {"segment": records.segment_to_dict(found)}, b""
        elif isinstance(found, Artifact):
            yield {"artifact": records.artifact_to_dict(found)}, found.data
        else:
            kind = type(found).__name__
            raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, f"{kind} is no segment or artifact")


def _analyze(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    """Answer every pair of segment and analyzer, in the order they were asked in."""
    segments = {segment.key: segment for segment in unpack(file)}
    for key, name in arguments["pairs"]:
        began = time.process_time()
        answer, payload = _analyzed(loaded, name, segments[key], arguments["priorities"])
        spent = time.process_time() - began
        yield {"segment": key, "analyzer": name, "spent": spent, **answer}, payload


def _analyzed(loaded: Loaded, name: str, segment: Segment, priorities: Mapping[str, int]) -> Frame:
    """Return what one analyzer found, or why it failed: the others go on."""
    try:
        analyzer = loaded.use(name)
        if isinstance(analyzer, Finder):
            made = analyzer.prepare(segment)
            return {"prepared": made is not None}, made or b""
        result = analyzer.analyze_segment(segment, priorities)
        answer = {"result": None if result is None else records.result_to_dict(result)}
    except MediaFailed as error:
        return {"failed": failure_to_dict(error)}, b""
    except Exception as error:
        failed = MediaFailed(_reason(error, Reason.INTERNAL_ERROR), type(error).__name__)
        return {"failed": failure_to_dict(failed)}, b""
    if frames.is_json(answer):
        return answer, b""
    invalid = MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a result that is no JSON")
    return {"failed": failure_to_dict(invalid)}, b""


def _embed(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    analyzer = loaded.use(arguments["embedder"])
    segments = list(unpack(file))
    wanted = [segment for segment in segments if wants(analyzer, segment)]
    made = analyzer.generate_embeddings_batch(wanted)
    if len(made) != len(wanted):
        raise MediaFailed(Reason.EMBEDDING_INVALID, f"{len(made)} answers to {len(wanted)}")
    vectors = {segment.key: found for segment, found in zip(wanted, made, strict=True)}
    for segment in segments:
        yield _vectors(vectors.get(segment.key, []))


def _prepare(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    """Answer every segment: with the input of an encoder's model, or that there is none."""
    encoder = cast(Encoder, loaded.use(arguments["embedder"]))
    for segment in unpack(file):
        made = encoder.prepare(segment) if wants(encoder, segment) else None
        yield {"prepared": made is not None}, made or b""


def _prepare_query(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    encoder = cast(Encoder, loaded.use(arguments["embedder"]))
    yield {"prepared": True}, encoder.prepare_query(file.read())


def _embed_query(loaded: Loaded, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    embedding = loaded.use(arguments["embedder"]).embed_query(file.read())
    yield _vectors([] if embedding is None else [embedding])


def _vectors(embeddings: Sequence[Embedding]) -> Frame:
    values = [array("f", embedding.vector) for embedding in embeddings]
    head = {"spaces": [e.space for e in embeddings], "lengths": [len(v) for v in values]}
    return head, b"".join(v.tobytes() for v in values)


Task = Callable[[Loaded, BinaryIO, Arguments], Iterator[Frame]]
TASKS: dict[str, Task] = {
    "identify": _identify,
    "extract": _extract,
    "analyze": _analyze,
    "embed": _embed,
    "embed_query": _embed_query,
    "prepare": _prepare,
    "prepare_query": _prepare_query,
}
