"""Whisper from the store, behind the sealed child: the form of what it hears, by a random model.

No real weights are at hand here: what the words are cannot be tested, only where they lie, that
they are labelled, and that the offline recognizer stands back.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from analyzers.api import AnalysisResult, Finder, Segment
from analyzers.audio.timeline import MARGIN_S, flac
from analyzers.contract import FeatureContract
from analyzers.models.brought import add, own
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from dataflux.errors import MediaFailed
from schemas.names import Reason
from tests.models.whisper import LANGUAGES, WORDS, write

FILES = ["model.bin", "config.json", "vocabulary.json", "tokenizer.json"]
NAME = "speech-random-whisper@1"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("random-whisper")
    write(folder, seed=1)
    described = {"name": "random-whisper", "kind": "speech", "license": "MIT", "files": FILES}
    (folder / "model.json").write_text(json.dumps(described))
    made = ModelStore(tmp_path_factory.mktemp("store"))
    add(made, own("random-whisper", folder), folder)
    return made


@pytest.fixture(scope="module")
def registry(store: ModelStore) -> Registry:
    return Registry.load(models=Selection(store))


@pytest.fixture(scope="module")
def listening(registry: Registry) -> Iterator[Sandbox]:
    made = Sandbox(registry)
    yield made
    made.close()


def utterance(seconds: float, seed: int = 1) -> Segment:
    sound = np.random.default_rng(seed).normal(0, 0.1, int(16_000 * seconds)).astype(np.float32)
    place = {"time": 10.0}, {"time": 10.0 + seconds}
    return Segment("utterance", *place, key=f"u{seed}", renditions={"speech": flac(sound)})


def heard(sandbox: Sandbox, segments: Sequence[Segment]) -> list[AnalysisResult]:
    found = [result for _, _, result in sandbox.analyze(segments, [NAME], {})]
    assert all(isinstance(result, AnalysisResult) for result in found), found
    return [result for result in found if isinstance(result, AnalysisResult)]


class TestWhisper(FeatureContract):
    entry = "analyzers.audio.whisper:WhisperAnalyzer#random-whisper"

    @pytest.fixture
    def sandbox(self, listening: Sandbox) -> Sandbox:
        return listening

    @pytest.fixture(autouse=True)
    def _store(self, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
        only = Registry((self.entry,), store=store)
        monkeypatch.setattr(type(self), "registry", staticmethod(lambda: only))

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [utterance(3, seed) for seed in (1, 2, 3)]


def test_words_have_times_language_and_confidence(listening: Sandbox) -> None:
    results = heard(listening, [utterance(3, seed) for seed in range(1, 6)])
    assert results, "this random model should hear something in some noise"
    for result in results:
        (text,) = result.texts
        transcript = result.features["audio"]["transcript"]
        words = transcript["words"]
        assert " ".join(word["word"] for word in words) == text.body
        assert text.language in LANGUAGES
        assert 0 <= transcript["language_confidence"] <= 1
        assert text.confidence == result.confidence_scores["audio"]["transcript"]
        assert 0 <= text.confidence <= 1
        assert (result.model or "").startswith("random-whisper#")
        times = [(word["start"], word["end"]) for word in words]
        assert times == sorted(times)
        assert all(10 - MARGIN_S <= start <= end <= 13.1 for start, end in times)
    assert any(word.removeprefix("Ġ") in r.texts[0].body for r in results for word in WORDS)


def test_it_takes_the_place_of_the_offline_recognizer(
    registry: Registry, store: ModelStore
) -> None:
    assert NAME in registry.analyzer_ids()
    assert "speech@1" not in registry.analyzer_ids()
    chosen = Registry.load(models=Selection(store, speech_model="fallback"))
    assert "speech@1" in chosen.analyzer_ids()
    assert NAME not in chosen.analyzer_ids()


def test_samples_that_no_child_would_send_are_refused(registry: Registry) -> None:
    analyzer = registry.get(NAME)
    assert isinstance(analyzer, Finder)
    for prepared in (b"odd", bytes(4 * 16_000 * 61)):
        with pytest.raises(MediaFailed, match="no samples"):
            analyzer.find(utterance(1), prepared, {})
    numbers = np.full(16_000, np.nan, np.float32)
    analyzer.find(utterance(1), numbers.tobytes(), {})


def test_a_changed_model_is_reported(store: ModelStore, tmp_path: Path) -> None:
    model = store.get("random-whisper")
    copy = ModelStore(tmp_path)
    add(copy, model, store.folder / model.name)
    (tmp_path / model.name / "model.bin").write_bytes(b"changed")
    sandbox = Sandbox(Registry.load(models=Selection(copy)))
    try:
        ((_, _, result),) = sandbox.analyze([utterance(1)], [NAME], {})
    finally:
        sandbox.close()
    assert isinstance(result, MediaFailed)
    assert result.reason is Reason.MODEL_UNAVAILABLE
    assert "dataflux models pull random-whisper" in result.detail
