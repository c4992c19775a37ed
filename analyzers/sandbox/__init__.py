"""Where hostile bytes are decoded: in a child that was forked for one job and then sealed."""

import math
import tempfile
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from analyzers import records
from analyzers.api import AnalysisResult, Artifact, Embedding, Range, Segment
from analyzers.registry import Registry
from analyzers.sandbox import jobs
from analyzers.sandbox.child import failure_from_dict, pack_segment, wants
from analyzers.sandbox.frames import Frame
from analyzers.sandbox.jobs import Source
from analyzers.sandbox.limits import Limits
from analyzers.sandbox.zygotes import Zygote
from dataflux.errors import MediaFailed
from schemas.names import Kind, Reason

__all__ = ["Identified", "Limits", "Sandbox", "Source"]


@dataclass(frozen=True, slots=True)
class Identified:
    """What a file is: `analyzer` cuts it, in `pieces` (empty: in one)."""

    mime_type: str
    kind: str
    analyzer: str
    metadata: Mapping[str, Any]
    pieces: Sequence[Range]


class Sandbox:
    """Runs analyzers in sealed children: one zygote a pool, started when it is first needed."""

    def __init__(
        self, registry: Registry, *, limits: Limits | None = None, require_seal: bool = False
    ) -> None:
        self._registry = registry
        self._limits = limits or Limits()
        self._require_seal = require_seal
        self._zygotes: dict[str, Zygote] = {}
        self._starting = {pool: threading.Lock() for pool in self._limits.memory}

    def identify(
        self, source: Source, *, declared: str | None = None, filename: str | None = None
    ) -> Identified:
        """Say what a file is and how to cut it; raise MediaFailed if it is nothing for us."""
        if source.size == 0:
            raise MediaFailed(Reason.EMPTY_FILE)
        arguments: dict[str, Any] = {"declared": declared, "filename": filename, "config": {}}
        ((head, _),) = self._run("media", "identify", arguments, source)
        return _identified(head)

    def extract(
        self, source: Source, analyzer: str, piece: Range | None, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        """Yield the segments and derived objects of a piece as the child finds them."""
        arguments = {
            "analyzer": analyzer,
            "piece": None if piece is None else records.range_to_list(piece),
            "config": dict(config),
        }
        pool = self._registry.get(analyzer).spec.pool
        for head, payload in self._run(pool, "extract", arguments, source):
            if "segment" in head:
                yield records.segment_from_dict(head["segment"])
            else:
                yield records.artifact_from_dict(head.get("artifact"), payload)

    def analyze(
        self,
        segments: Sequence[Segment],
        analyzers: Sequence[str],
        priorities: Mapping[str, int],
    ) -> Iterator[tuple[str, str, AnalysisResult | MediaFailed]]:
        """Yield (segment key, analyzer id, result): one analyzer that fails leaves the others."""
        keys = {segment.key for segment in segments}
        with _bundle(segments) as bundle:
            for pool in self._limits.memory:
                wanted = self._wanted(pool, segments, analyzers)
                if wanted:
                    yield from self._analyze(pool, bundle, wanted, priorities, keys)

    def embed(self, segments: Sequence[Segment], embedder: str) -> list[list[Embedding]]:
        """Return the vectors of many segments, in their order."""
        pool = self._registry.get(embedder).spec.pool
        with _bundle(segments) as bundle:
            found = [
                _embeddings(head, payload)
                for head, payload in self._run(pool, "embed", {"embedder": embedder}, bundle)
            ]
        if len(found) != len(segments):
            raise MediaFailed(Reason.EMBEDDING_INVALID, f"{len(found)} of {len(segments)} vectors")
        return found

    def embed_query(self, embedder: str, query: str | bytes) -> Embedding | None:
        """Return the vector of a query: of words here, of an encoded image in a child."""
        if isinstance(query, str):
            return self._registry.get(embedder).embed_query(query)
        pool = self._registry.get(embedder).spec.pool
        with _unnamed(query) as file:
            ((head, payload),) = self._run(pool, "embed_query", {"embedder": embedder}, file)
        found = _embeddings(head, payload)
        return found[0] if found else None

    def warm(self, *pools: str) -> None:
        """Start the zygotes of some pools now."""
        for pool in pools:
            self._zygote(pool)

    def level(self) -> dict[str, str]:
        """Return what each layer of the seal achieves on this machine."""
        with _unnamed(b"?") as file:
            ((head, _),) = self._run("media", "level", {}, file)
        return {"namespaces": self._zygote("media").namespaces, **head["level"]}

    def close(self) -> None:
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()

    def _wanted(
        self, pool: str, segments: Sequence[Segment], analyzers: Sequence[str]
    ) -> list[str]:
        """Return the analyzers of a pool that take any of the segments."""
        return [
            name
            for name in analyzers
            if self._registry.get(name).spec.pool == pool
            and any(wants(self._registry.get(name), segment) for segment in segments)
        ]

    def _analyze(
        self,
        pool: str,
        bundle: Source,
        analyzers: Sequence[str],
        priorities: Mapping[str, int],
        keys: set[str],
    ) -> Iterator[tuple[str, str, AnalysisResult | MediaFailed]]:
        arguments = {"analyzers": list(analyzers), "priorities": dict(priorities)}
        for head, _ in self._run(pool, "analyze", arguments, bundle):
            key, analyzer = head.get("segment"), head.get("analyzer")
            if (
                not isinstance(key, str)
                or not isinstance(analyzer, str)
                or key not in keys
                or analyzer not in analyzers
            ):
                raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a result nobody asked for")
            if "failed" in head:
                yield key, analyzer, failure_from_dict(head["failed"])
            elif head.get("result") is not None:
                yield key, analyzer, records.result_from_dict(head["result"])

    def _run(
        self, pool: str, task: str, arguments: Mapping[str, Any], source: Source
    ) -> Iterator[Frame]:
        return jobs.run(
            self._zygote(pool),
            self._message(pool, task, arguments),
            source,
            wall_s=self._limits.wall_s,
            resident=self._limits.resident[pool],
            output=self._limits.output,
        )

    def _message(self, pool: str, task: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "task": task,
            "arguments": dict(arguments),
            "memory": self._limits.memory[pool],
            "cpu_s": self._limits.cpu_s,
        }

    def _zygote(self, pool: str) -> Zygote:
        with self._starting[pool]:
            zygote = self._zygotes.get(pool)
            if zygote is None or not zygote.alive:
                if zygote is not None:
                    zygote.close()
                zygote = Zygote(pool, self._registry.entries, require_seal=self._require_seal)
                self._zygotes[pool] = zygote
            return zygote


class _Unnamed:
    """A file without a name, handed to the child by its descriptor."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def __enter__(self) -> "_Unnamed":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def _unnamed(data: bytes) -> _Unnamed:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - _Unnamed closes it
    file.write(data)
    file.flush()
    return _Unnamed(file)


def _bundle(segments: Sequence[Segment]) -> _Unnamed:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - _Unnamed closes it
    for segment in segments:
        file.write(pack_segment(segment))
    file.flush()
    return _Unnamed(file)


def _identified(head: Mapping[str, Any]) -> Identified:
    match head:
        case {
            "mime": str() as mime,
            "kind": str() as kind,
            "analyzer": str() as analyzer,
            "metadata": dict() as metadata,
            "pieces": list() as pieces,
        } if kind in frozenset(Kind):
            ranges = [records.range_from_list(piece) for piece in pieces]
            return Identified(mime, kind, analyzer, metadata, ranges)
    raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "an identification without its parts")


def _embeddings(head: Mapping[str, Any], payload: bytes) -> list[Embedding]:
    lengths = head.get("lengths")
    if not isinstance(lengths, list) or len(payload) % 4:
        raise MediaFailed(Reason.EMBEDDING_INVALID, "vectors without lengths")
    values = array("f", payload)
    if sum(lengths) != len(values) or not all(map(math.isfinite, values)):
        raise MediaFailed(Reason.EMBEDDING_INVALID, "vectors that are not finite or too short")
    vectors, at = [], 0
    for length in lengths:
        vectors.append(values[at : at + length])
        at += length
    return records.embeddings_from(head.get("spaces"), vectors)
