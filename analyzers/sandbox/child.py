"""What a sealed child does: one task on one nameless file, its findings as frames on a pipe."""

import io
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast

from analyzers import containers, records
from analyzers.api import BaseAnalyzer, Embedding, Segment
from analyzers.registry import Registry
from analyzers.sandbox import frames
from analyzers.sandbox.files import FdFile, RangeFile, write_all
from analyzers.sandbox.frames import Frame
from analyzers.sniff import kind_of, sniff
from dataflux.errors import MediaFailed
from schemas.names import Reason

Arguments = Mapping[str, Any]

SOUND_OF = {"video/webm": "audio/webm", "video/x-matroska": "audio/x-matroska"}


def run(registry: Registry, job: Arguments, source: int, out: int) -> None:
    """Run a job to its end; whatever happens becomes a frame."""
    size = job.get("size")
    file = cast(BinaryIO, FdFile(source) if size is None else RangeFile(source, size))
    try:
        for head, payload in TASKS[job["task"]](registry, file, job["arguments"]):
            write_all(out, frames.pack(head, payload))
        write_all(out, frames.pack({"end": True}))
    except MemoryError:
        os._exit(3)  # there may be none left to say so
    except MediaFailed as error:
        write_all(out, frames.pack({"failed": failure_to_dict(error)}))
    except Exception as error:
        failed = MediaFailed(_reason(error, Reason.CORRUPT_MEDIA), repr(error)[:300])
        write_all(out, frames.pack({"failed": failure_to_dict(failed)}))


def failure_to_dict(error: MediaFailed) -> dict[str, Any]:
    return {"reason": error.reason, "detail": error.detail[:300], "limit": error.limit}


def failure_from_dict(raw: Any) -> MediaFailed:
    match raw:
        case {"reason": str() as reason, "detail": str() as detail, "limit": str() | None as limit}:
            if reason in frozenset(Reason):
                return MediaFailed(Reason(reason), detail[:300], limit=limit and limit[:50])
    return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a failure without a known reason")


def _reason(error: Exception, otherwise: Reason) -> Reason:
    """Native code reports a refused allocation in its own words."""
    out_of_memory = getattr(error, "errno", None) == 12 or "bad_alloc" in str(error)
    return Reason.DECODER_OOM if out_of_memory else otherwise


def _identify(registry: Registry, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    mime = sniff(file, arguments["declared"], arguments["filename"])
    if containers.sound_only(file, mime):
        mime = SOUND_OF.get(mime, "audio/mp4")
    analyzer = registry.segmenter_for(mime)
    if analyzer is None:
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, mime)
    file.seek(0)
    if not analyzer.validate_file(file):
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"{analyzer.spec.name} cannot read it")
    file.seek(0)
    metadata = analyzer.get_metadata(file)
    file.seek(0)
    pieces = analyzer.plan_pieces(file, arguments["config"])
    yield (
        {
            "mime": metadata.pop("mime_type", mime),
            "kind": metadata.pop("kind", kind_of(mime)),
            "analyzer": analyzer.spec.id,
            "metadata": metadata,
            "pieces": [records.range_to_list(piece) for piece in pieces],
        },
        b"",
    )


def _extract(registry: Registry, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    config = dict(arguments["config"])
    if arguments["piece"] is not None:
        config["piece"] = records.range_from_list(arguments["piece"])
    for found in registry.get(arguments["analyzer"]).extract_segments(file, config):
        if isinstance(found, Segment):
            yield {"segment": records.segment_to_dict(found)}, b""
        else:
            yield {"artifact": records.artifact_to_dict(found)}, found.data


def _analyze(registry: Registry, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    segments = list(unpack_segments(file))
    for name in arguments["analyzers"]:
        analyzer = registry.get(name)
        for segment in segments:
            if wants(analyzer, segment):
                yield _result(analyzer, segment, arguments["priorities"]), b""


def _result(
    analyzer: BaseAnalyzer, segment: Segment, priorities: Mapping[str, int]
) -> dict[str, Any]:
    """Return what one analyzer found, or why it failed: the others go on."""
    head = {"segment": segment.key, "analyzer": analyzer.spec.id}
    try:
        result = analyzer.analyze_segment(segment, priorities)
    except MediaFailed as error:
        return head | {"failed": failure_to_dict(error)}
    except Exception as error:
        failed = MediaFailed(_reason(error, Reason.INTERNAL_ERROR), type(error).__name__)
        return head | {"failed": failure_to_dict(failed)}
    return head | {"result": None if result is None else records.result_to_dict(result)}


def wants(analyzer: BaseAnalyzer, segment: Segment) -> bool:
    """Return whether an analyzer has declared that it takes such a segment."""
    spec = analyzer.spec
    if spec.segments and segment.type not in spec.segments:
        return False
    has = {*segment.renditions, *(["text"] if segment.texts else [])}
    return set(spec.needs) <= has


def _embed(registry: Registry, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    analyzer = registry.get(arguments["embedder"])
    segments = list(unpack_segments(file))
    wanted = [segment for segment in segments if wants(analyzer, segment)]
    found = dict(
        zip(
            (segment.key for segment in wanted),
            analyzer.generate_embeddings_batch(wanted),
            strict=True,
        )
    )
    for segment in segments:
        yield _vectors(found.get(segment.key, []))


def _embed_query(registry: Registry, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    embedding = registry.get(arguments["embedder"]).embed_query(file.read())
    yield _vectors([] if embedding is None else [embedding])


def _level(registry: Registry, file: BinaryIO, arguments: Arguments) -> Iterator[Frame]:
    yield {"level": arguments["sealed"]}, b""


def _vectors(embeddings: Sequence[Embedding]) -> Frame:
    values = [array("f", embedding.vector) for embedding in embeddings]
    head = {"spaces": [e.space for e in embeddings], "lengths": [len(v) for v in values]}
    return head, b"".join(v.tobytes() for v in values)


def pack_segment(segment: Segment) -> bytes:
    """Return a segment with the bytes of its derived objects, as a frame."""
    head = records.segment_to_dict(segment)
    head["renditions"] = [[kind, len(data)] for kind, data in segment.renditions.items()]
    return frames.pack(head, b"".join(segment.renditions.values()))


def unpack_segments(file: BinaryIO) -> Iterator[Segment]:
    """Read the segments that the parent has packed."""
    while lengths := file.read(frames.LENGTHS.size):
        head, payload = frames.LENGTHS.unpack(lengths)
        ((item, data),) = frames.FrameReader(head + payload + len(lengths)).feed(
            lengths + file.read(head + payload)
        )
        segment, stream = records.segment_from_dict(item), io.BytesIO(data)
        segment.renditions = {kind: stream.read(length) for kind, length in item["renditions"]}
        yield segment


Task = Callable[[Registry, BinaryIO, Arguments], Iterator[Frame]]
TASKS: dict[str, Task] = {
    "identify": _identify,
    "extract": _extract,
    "analyze": _analyze,
    "embed": _embed,
    "embed_query": _embed_query,
    "level": _level,
}
