"""Takes a file through every step that decodes it, and says how it ended."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from analyzers.api import Artifact, Range, Segment
from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from dataflux.errors import MediaFailed
from schemas.names import Reason
from tests.analyzers.sandbox.held import Held

ENTRIES = (
    "analyzers.video.segmenter:VideoSegmenter",
    "analyzers.audio.segmenter:AudioSegmenter",
    "analyzers.image.segmenter:ImageSegmenter",
    "analyzers.document.segmenter:DocumentSegmenter",
    "analyzers.image.appearance:AppearanceAnalyzer",
    "analyzers.text.language:LanguageAnalyzer",
    "analyzers.text.keywords:KeywordsAnalyzer",
    "analyzers.text.mentions:MentionsAnalyzer",
    "analyzers.embedding.visual:VisualFallback",
    "analyzers.embedding.words:TextFallback",
)
"""All that decodes, and what looks at the result and needs no model."""
READ = "read"
ANALYZED = 4
"""Segments of a file that are analyzed: the others are of the same kind."""
LIMITS = Limits(wall_s=300.0, cpu_s=20)
"""CPU seconds are the same on a busy machine."""
OUR_FAULT = frozenset(
    {
        Reason.INTERNAL_ERROR,
        Reason.ANALYZER_INVALID_OUTPUT,
        Reason.EMBEDDING_INVALID,
        Reason.SANDBOX_UNAVAILABLE,
        Reason.MODEL_UNAVAILABLE,
    }
)
"""Reasons that no file excuses."""
CONTAINED = frozenset({Reason.DECODE_TIMEOUT, Reason.DECODER_CRASHED, Reason.DECODER_OOM})
"""Ends of a child, not of the process: as it should be, and still worth a look."""


@dataclass(frozen=True)
class Ending:
    """How a file ended: with a reason of the closed list, or `read`; and how long it took."""

    reason: str
    detail: str
    seconds: float
    limit: str | None = None
    said: str = ""
    """What its segments say."""

    @property
    def is_fault(self) -> bool:
        return self.reason in OUR_FAULT or self.reason.startswith("raised ")

    @property
    def is_contained(self) -> bool:
        return self.reason in CONTAINED


@contextlib.contextmanager
def sandboxed() -> Iterator[Sandbox]:
    """A sandbox as a function has it."""
    made = Sandbox(Registry(ENTRIES), limits=LIMITS)
    try:
        yield made
    finally:
        made.close()


def ending(sandbox: Sandbox, data: bytes, filename: str, number: int = 0) -> Ending:
    """Identify a file and cut it; every fourth is analyzed and embedded too. Nothing is raised.

    Odd ones have no descriptor: as from S3, the child asks for ranges.
    """
    began = time.perf_counter()
    segments: list[Segment] = []
    try:
        segments = _segments(sandbox, Held(data, ranges=number % 2 == 1), filename)
        failed = _analyzed(sandbox, segments[:ANALYZED]) if number % 4 == 0 else None
    except MediaFailed as error:
        failed = error
    except Exception as error:  # what a fuzzer is for
        seconds = time.perf_counter() - began
        return Ending(f"raised {type(error).__name__}", str(error)[:300], seconds)
    seconds = time.perf_counter() - began
    if failed is not None:
        return Ending(str(failed.reason), failed.detail, seconds, failed.limit)
    texts = (text.body for segment in segments for text in segment.texts)
    return Ending(READ, "", seconds, said="\n".join(texts))


def _segments(sandbox: Sandbox, source: Held, filename: str) -> list[Segment]:
    """Return what is found in a file, with the derived objects."""
    found = sandbox.identify(source, filename=filename)
    config = {"mime_type": found.mime_type}
    pieces: list[Range | None] = [*found.pieces] or [None]
    segments: list[Segment] = []
    for piece in pieces:
        for item in sandbox.extract(source, found.analyzer, piece, config):
            if isinstance(item, Segment):
                segments.append(item)
            else:
                _attach(item, segments)
    return segments


def _attach(artifact: Artifact, segments: list[Segment]) -> None:
    for segment in segments:
        if segment.key == artifact.segment:
            segment.renditions[artifact.kind] = artifact.data


def _analyzed(sandbox: Sandbox, segments: list[Segment]) -> MediaFailed | None:
    """Return why one of them could not be analyzed, if so."""
    failed: MediaFailed | None = None
    registry = Registry(ENTRIES)
    if not segments:
        return None
    for _, _, result in sandbox.analyze(segments, registry.analyzer_ids(), {}):
        if isinstance(result, MediaFailed):
            failed = result
    for embedder in registry.embedders():
        sandbox.embed(segments, embedder.spec.id)
    return failed


def resident() -> int:
    """Return the bytes that this process holds."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
