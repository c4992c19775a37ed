"""What every analyzer does, as tests: a plugin's author subclasses one class a kind of analyzer.

    class TestMine(SegmenterContract):
        entry = "my_plugin.scores:ScoreSegmenter"

        @pytest.fixture
        def sample(self) -> bytes:
            return SCORE.read_bytes()

Everything runs where it runs for real: in a sealed child that opens nothing. Needs pytest.
"""

import io
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from analyzers import declared
from analyzers.api import AnalysisResult, Artifact, BaseAnalyzer, Embedding, Range, Segment
from analyzers.registry import Registry
from analyzers.sandbox import Identified, Sandbox
from dataflux.errors import MediaFailed
from schemas.names import Reason

BROKEN = 20
"""How many broken copies of the sample are read."""
OUR_FAULT = frozenset(
    {
        Reason.DECODER_CRASHED,
        Reason.ANALYZER_INVALID_OUTPUT,
        Reason.INTERNAL_ERROR,
        Reason.SANDBOX_UNAVAILABLE,
    }
)
"""Reasons that a broken file does not excuse."""


class Bytes:
    """A file in memory, served to the child by ranges."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def fileno(self) -> int | None:
        return None


class AnalyzerContract:
    """What all kinds have in common. Set `entry`, "module:Class"."""

    entry: ClassVar[str]

    @classmethod
    def registry(cls) -> Registry:
        return Registry((cls.entry,))

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Iterator[Sandbox]:
        made = Sandbox(cls.registry())
        yield made
        made.close()

    @pytest.fixture
    def analyzer(self) -> BaseAnalyzer:
        (made,) = self.registry().all
        return made

    def test_declares_what_it_does(self, analyzer: BaseAnalyzer) -> None:
        assert declared.faults(analyzer) == []


class SegmenterContract(AnalyzerContract):
    """Give a small file in `sample`; in `config`, the configuration to read it with, if any."""

    config: ClassVar[dict[str, Any]] = {}
    mime_type: ClassVar[str | None] = None
    """What the sender calls the sample, where its bytes do not tell."""

    @pytest.fixture
    def sample(self) -> bytes:
        raise NotImplementedError("give the bytes of a small file")

    def identified(self, sandbox: Sandbox, data: bytes) -> Identified:
        return sandbox.identify(Bytes(data), declared=self.mime_type)

    def parts(self, sandbox: Sandbox, data: bytes) -> list[list[Segment | Artifact]]:
        """Identify a file and read every piece of it, as the platform does."""
        found = self.identified(sandbox, data)
        config = {"mime_type": found.mime_type, **self.config}
        pieces: list[Range | None] = [*found.pieces] or [None]
        return [list(sandbox.extract(Bytes(data), found.analyzer, p, config)) for p in pieces]

    def test_recognizes_its_sample(
        self, sandbox: Sandbox, analyzer: BaseAnalyzer, sample: bytes
    ) -> None:
        found = self.identified(sandbox, sample)
        assert found.analyzer == analyzer.spec.id
        assert found.mime_type in analyzer.get_supported_formats()

    def test_finds_segments(self, sandbox: Sandbox, analyzer: BaseAnalyzer, sample: bytes) -> None:
        segments = stitched(analyzer, self.parts(sandbox, sample))
        assert segments, "a sample should have at least one segment"
        assert len({segment.key for segment in segments}) == len(segments)

    def test_names_only_segments_that_exist(
        self, sandbox: Sandbox, analyzer: BaseAnalyzer, sample: bytes
    ) -> None:
        parts = self.parts(sandbox, sample)
        keys = {segment.key for segment in stitched(analyzer, parts)}
        artifacts = [item for part in parts for item in part if isinstance(item, Artifact)]
        assert {s.parent for s in stitched(analyzer, parts)} <= keys | {None}
        assert {artifact.segment for artifact in artifacts} <= keys | {None}

    def test_finds_the_same_again(self, sandbox: Sandbox, sample: bytes) -> None:
        assert self.parts(sandbox, sample) == self.parts(sandbox, sample)

    def test_leaves_the_file_open(self, analyzer: BaseAnalyzer, sample: bytes) -> None:
        file = io.BytesIO(sample)
        analyzer.load()
        analyzer.validate_file(file)
        analyzer.get_metadata(file)
        list(analyzer.extract_segments(file, self.config))
        assert not file.closed

    def test_survives_broken_files(self, sandbox: Sandbox, sample: bytes) -> None:
        """It may read them or say what is wrong; it may not crash or blame itself."""
        endings = {self._ending(sandbox, broken) for broken in broken_copies(sample)}
        assert endings & OUR_FAULT == set()

    def _ending(self, sandbox: Sandbox, data: bytes) -> Reason | None:
        try:
            self.parts(sandbox, data)
        except MediaFailed as failed:
            return failed.reason
        return None


class FeatureContract(AnalyzerContract):
    """Give segments with the texts and renditions it needs in `samples`; it finds something."""

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        raise NotImplementedError("give at least one segment in which something is found")

    def found(
        self, sandbox: Sandbox, segments: Sequence[Segment], priorities: dict[str, int]
    ) -> list[AnalysisResult]:
        name = self.registry().all[0].spec.id
        results = [result for _, _, result in sandbox.analyze(segments, [name], priorities)]
        for result in results:
            if isinstance(result, MediaFailed):
                raise result
        return [result for result in results if isinstance(result, AnalysisResult)]

    def test_finds_something(self, sandbox: Sandbox, samples: Sequence[Segment]) -> None:
        results = self.found(sandbox, samples, {})
        assert any(result.features or result.texts or result.segments for result in results)

    def test_finds_only_what_it_declares(
        self, sandbox: Sandbox, analyzer: BaseAnalyzer, samples: Sequence[Segment]
    ) -> None:
        for result in self.found(sandbox, samples, {}):
            assert set(result.features) <= set(analyzer.spec.emits)

    def test_is_sure_only_of_what_it_found(
        self, sandbox: Sandbox, samples: Sequence[Segment]
    ) -> None:
        for result in self.found(sandbox, samples, {}):
            for domain, scores in result.confidence_scores.items():
                assert set(scores) <= set(result.features.get(domain, {}))

    def test_finds_nothing_that_is_not_wanted(
        self, sandbox: Sandbox, analyzer: BaseAnalyzer, samples: Sequence[Segment]
    ) -> None:
        for domain in analyzer.spec.emits:
            for result in self.found(sandbox, samples, {domain: 0}):
                assert domain not in result.features

    def test_finds_the_same_again(self, sandbox: Sandbox, samples: Sequence[Segment]) -> None:
        once, again = (self.found(sandbox, samples, {}) for _ in range(2))
        assert [r.features for r in once] == [r.features for r in again]
        assert [r.texts for r in once] == [r.texts for r in again]


class EmbedderContract(AnalyzerContract):
    """Give segments in `samples`, of which at least one has a vector."""

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        raise NotImplementedError("give at least one segment that has a vector")

    def vectors(self, sandbox: Sandbox, segments: Sequence[Segment]) -> list[list[Embedding]]:
        return sandbox.embed(segments, self.registry().all[0].spec.id)

    def test_embeds(self, sandbox: Sandbox, samples: Sequence[Segment]) -> None:
        assert any(self.vectors(sandbox, samples))

    def test_makes_unit_vectors_of_its_spaces(
        self, sandbox: Sandbox, analyzer: BaseAnalyzer, samples: Sequence[Segment]
    ) -> None:
        for embedding in (e for found in self.vectors(sandbox, samples) for e in found):
            assert embedding.space in analyzer.spec.emits
            assert len(embedding.vector) == analyzer.spec.dimensions
            assert math.hypot(*embedding.vector) == pytest.approx(1, abs=1e-3)

    def test_gives_one_by_one_what_it_gives_together(
        self, sandbox: Sandbox, samples: Sequence[Segment]
    ) -> None:
        together = self.vectors(sandbox, samples)
        alone = [self.vectors(sandbox, [segment])[0] for segment in samples]
        assert [similarity(a, b) for a, b in zip(together, alone, strict=True)] == pytest.approx(
            [1.0 if found else 0.0 for found in together], abs=1e-3
        )

    def test_leaves_out_what_has_no_vector(self, sandbox: Sandbox) -> None:
        nothing = Segment("nothing", {}, {}, key="nothing")
        assert self.vectors(sandbox, [nothing]) in ([[]], [])


def stitched(
    analyzer: BaseAnalyzer, parts: Sequence[Sequence[Segment | Artifact]]
) -> list[Segment]:
    return analyzer.stitch([[s for s in part if isinstance(s, Segment)] for part in parts])


def similarity(one: Sequence[Embedding], other: Sequence[Embedding]) -> float:
    """Return the least cosine of two segments' vectors, space by space; 0 without any."""
    pairs = zip(one, other, strict=True)
    return min((_cosine(a.vector, b.vector) for a, b in pairs), default=0.0)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def broken_copies(data: bytes, seed: int = 1) -> Iterator[bytes]:
    """Yield copies that are cut short or have wrong bytes in some places."""
    chance = random.Random(seed)
    for number in range(BROKEN):
        copy = bytearray(data)
        for _ in range(chance.randint(1, 12)):
            copy[chance.randrange(len(copy))] = chance.randrange(256)
        yield bytes(copy[: chance.randint(1, len(copy))] if number % 3 == 0 else copy)
