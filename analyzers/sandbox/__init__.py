"""Where hostile bytes are decoded: in a child that was forked for one job and then sealed."""

import threading
import time
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from mimetypes import guess_type
from typing import Any, cast

from analyzers import records
from analyzers.api import AnalysisResult, Artifact, Embedding, Encoder, Finder, Range, Segment
from analyzers.declared import wants
from analyzers.registry import Registry
from analyzers.sandbox import analysis, answers, jobs, successors
from analyzers.sandbox.analysis import Meter, Pair
from analyzers.sandbox.answers import Identified
from analyzers.sandbox.bundle import Bundle, bundle, unnamed
from analyzers.sandbox.frames import Frame
from analyzers.sandbox.jobs import Spent
from analyzers.sandbox.limits import Limits
from analyzers.sandbox.serving import Source
from analyzers.sandbox.zygotes import Zygote
from analyzers.sniff import says_otherwise
from dataflux.errors import MediaFailed, Unavailable
from schemas.names import Reason

__all__ = ["Identified", "Limits", "Meter", "Sandbox", "Source", "Spent"]

NAME = 255
"""Of what the sender says of a file, no more is looked at."""


def _unmetered(*_: object) -> None:
    """Take no notice of what something has taken."""


class Sandbox:
    """Runs analyzers in sealed children: one zygote a pool, started when it is first needed.

    Threads may share it. What a child finds is checked before it is handed on; a job that could
    not run at all raises Unavailable, to be tried again.
    """

    def __init__(
        self, registry: Registry, *, limits: Limits | None = None, require_seal: bool = False
    ) -> None:
        self._registry = registry
        self._limits = limits or Limits()
        self._require_seal = require_seal
        self._zygotes: dict[str, Zygote] = {}
        self._starting = {pool: threading.Lock() for pool in self._limits.memory}
        self._retiring: list[tuple[Zygote, threading.Thread]] = []
        self._closed = False

    def identify(
        self, source: Source, *, declared: str | None = None, filename: str | None = None
    ) -> Identified:
        """Say what a file is and how to cut it; raise MediaFailed if it is nothing for us."""
        if source.size == 0:
            raise MediaFailed(Reason.EMPTY_FILE, "the file has no bytes")
        name = (filename or "")[-NAME:]
        said = (declared or guess_type(name)[0] or "").partition(";")[0].strip().lower()[:NAME]
        arguments: dict[str, Any] = {"declared": said, "filename": name, "config": {}}
        head, _ = answers.only(self._run("media", "identify", arguments, source))
        found = answers.identified(head, self._registry)
        if says_otherwise(said, found.mime_type):
            return replace(found, metadata={**found.metadata, "declared": said})
        return found

    def extract(
        self,
        source: Source,
        analyzer: str,
        piece: Range | None,
        config: Mapping[str, Any],
        spent: Spent = _unmetered,
    ) -> Iterator[Segment | Artifact]:
        """Yield the segments and derived objects of a piece as the child finds them."""
        arguments = {
            "analyzer": analyzer,
            "piece": None if piece is None else records.range_to_list(piece),
            "config": dict(config),
        }
        pool = self._registry.get(analyzer).spec.pool
        with closing(self._run(pool, "extract", arguments, source, spent)) as frames:
            yield from answers.findings(frames, self._limits.findings)

    def analyze(
        self,
        segments: Sequence[Segment],
        analyzers: Sequence[str],
        priorities: Mapping[str, int],
        meter: Meter = _unmetered,
    ) -> Iterator[tuple[str, str, AnalysisResult | MediaFailed]]:
        """Yield (segment key, analyzer id, result): one analyzer that fails leaves the others."""
        prepared: list[tuple[str, str, bytes]] = []
        emitted = {a.spec.id: a.spec.emits for a in map(self._registry.get, analyzers)}
        with bundle(segments) as packed:
            for pool in self._limits.memory:
                pairs = self._pairs(pool, segments, analyzers, priorities)

                def run(pairs: list[Pair], pool: str = pool) -> Generator[Frame]:
                    arguments = {"pairs": pairs, "priorities": dict(priorities)}
                    return self._run(pool, "analyze", arguments, packed)

                for key, name, found in analysis.results(run, pairs, emitted, meter):
                    if isinstance(found, bytes):
                        prepared.append((key, name, found))
                    else:
                        yield key, name, found
        bare = {s.key: Segment(s.type, s.start_marker, s.end_marker, key=s.key) for s in segments}
        for key, name, made in prepared:  # the child has gone: its time does not run meanwhile
            finder = cast(Finder, self._registry.get(name))
            began = time.perf_counter()  # the model may compute in threads of its own
            result = analysis.second_step(finder, bare[key], made, priorities)
            meter(name, key, time.perf_counter() - began)
            if result is not None:
                yield key, name, result

    def embed(
        self, segments: Sequence[Segment], embedder: str, spent: Spent = _unmetered
    ) -> list[list[Embedding]]:
        """Return the vectors of many segments, in their order."""
        analyzer = self._registry.get(embedder)
        if isinstance(analyzer, Encoder):
            return self._encode(analyzer, segments, spent)
        spec = analyzer.spec
        with (
            bundle(segments) as packed,
            closing(self._run(spec.pool, "embed", {"embedder": embedder}, packed, spent)) as frames,
        ):
            return answers.all_embeddings(frames, spec, len(segments))

    def _encode(
        self, encoder: Encoder, segments: Sequence[Segment], spent: Spent
    ) -> list[list[Embedding]]:
        """Have a child prepare what the model takes, and compute here."""
        spec = encoder.spec
        with (
            bundle(segments) as packed,
            closing(
                self._run(spec.pool, "prepare", {"embedder": spec.id}, packed, spent)
            ) as frames,
        ):
            inputs = answers.prepared(frames, len(segments))
        given = [made for made in inputs if made is not None]
        began = time.perf_counter()
        vectors = iter(answers.encoded(encoder.encode(given) if given else [], spec))
        spent(time.perf_counter() - began)
        return [[] if made is None else [next(vectors)] for made in inputs]

    def embed_query(self, embedder: str, query: str | bytes) -> Embedding | None:
        """Return the vector of a query: of words here, of an encoded image in a child."""
        analyzer = self._registry.get(embedder)
        if isinstance(query, str):
            return analyzer.embed_query(query)
        task = "prepare_query" if isinstance(analyzer, Encoder) else "embed_query"
        with unnamed([query]) as file:
            frame = answers.only(self._run(analyzer.spec.pool, task, {"embedder": embedder}, file))
        if isinstance(analyzer, Encoder):
            return answers.encoded(analyzer.encode([frame[1]]), analyzer.spec)[0]
        found = answers.embeddings(frame, analyzer.spec)
        return found[0] if found else None

    def warm(self, *pools: str) -> None:
        """Start the zygotes of some pools now."""
        for pool in pools:
            self._zygote(pool)

    @property
    def pools(self) -> set[str]:
        """The pools that have a zygote."""
        return set(self._zygotes)

    def renew(self, pools: Collection[str]) -> None:
        """Go on with zygotes that have loaded the code as it is now; what runs ends in the old.

        Raise Unavailable, and change nothing, if one does not start or lacks what it had.
        """
        running = {pool: self._zygotes[pool] for pool in self.pools.intersection(pools)}
        fresh = successors.of(running, self._registry, require_seal=self._require_seal)
        for pool, zygote in fresh.items():
            with self._starting[pool]:
                if self._closed:
                    zygote.close()
                    continue
                old, self._zygotes[pool] = self._zygotes[pool], zygote
                retiring = threading.Thread(target=old.retire, name=f"retiring-{pool}")
                self._retiring = [each for each in self._retiring if each[1].is_alive()]
                self._retiring.append((old, retiring))
                retiring.start()

    def missing(self) -> dict[str, str]:
        """Return the analyzers that the zygotes so far could not load, with what each lacks."""
        return {name: why for z in self._zygotes.values() for name, why in z.missing.items()}

    def level(self) -> dict[str, str]:
        """Return what each layer of the seal achieves on this machine."""
        return dict(self._zygote("media").level)

    def close(self) -> None:
        """End every child; jobs that are running raise Unavailable."""
        self._closed = True
        for pool, starting in self._starting.items():
            with starting:
                if zygote := self._zygotes.pop(pool, None):
                    zygote.close()
        for zygote, retiring in self._retiring:
            zygote.close()
            retiring.join()

    def _pairs(
        self,
        pool: str,
        segments: Sequence[Segment],
        analyzers: Sequence[str],
        priorities: Mapping[str, int],
    ) -> Iterator[Pair]:
        """Yield which analyzers of a pool to run on which segments."""
        for name in analyzers:
            analyzer = self._registry.get(name)
            spec = analyzer.spec
            unwanted = spec.emits and all(priorities.get(domain) == 0 for domain in spec.emits)
            if spec.pool == pool and not unwanted:
                yield from ((s.key, spec.id) for s in segments if wants(analyzer, s))

    def _run(
        self,
        pool: str,
        task: str,
        arguments: Mapping[str, Any],
        source: Source | Bundle,
        spent: Spent = _unmetered,
    ) -> Generator[Frame]:
        limits = self._limits
        message = {
            "task": task,
            "arguments": dict(arguments),
            "memory": limits.memory[pool],
            "cpu_s": limits.cpu_s,
        }
        bounds = jobs.Bounds(limits.wall_s, limits.resident[pool], limits.output, limits.heads)
        zygote = self._zygote(pool, use=True)
        try:
            yield from jobs.run(zygote, message, source, bounds, spent)
        finally:
            zygote.leave()

    def _zygote(self, pool: str, *, use: bool = False) -> Zygote:
        """Return the zygote of a pool, entered for `use`: a new one, if it has none alive."""
        with self._starting[pool]:
            if self._closed:
                raise Unavailable("sandbox: it is being closed; try again later")
            zygote = self._zygotes.get(pool)
            if zygote is None or not zygote.alive:
                if zygote is not None:
                    zygote.close()
                zygote = Zygote(pool, self._registry, require_seal=self._require_seal)
                self._zygotes[pool] = zygote
            if use:
                zygote.enter()
            return zygote
