"""Whisper by faster-whisper: words with their times, the language, and how sure it is."""

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analyzers import containers
from analyzers.api import AnalysisResult, AnalyzerSpec, Cost, Finder, Segment
from analyzers.audio.sound import RATE
from analyzers.audio.speech import Transcript, Word, result_of, samples_of
from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from dataflux.errors import MediaFailed
from schemas.names import Reason

if TYPE_CHECKING:
    from analyzers.audio.sound import Samples

LONGEST_S = 60
"""Of an utterance; longer ones are cut before."""


class Whisper:
    """A pulled model; threads may share it, and as many as the runtime says compute at once."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        self._store, self._model, self._runtime = store, model, runtime
        self._loading = threading.Lock()
        self.model = model.label

    def recognize(self, samples: "Samples") -> Transcript:
        with self._loading:
            built = self._built
        segments, about = built.transcribe(
            samples,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
        )
        words = [_word(word) for segment in segments for word in segment.words or ()]
        spoken = [word for word in words if word.word]
        return Transcript(spoken, about.language, float(about.language_probability))

    @cached_property
    def _built(self) -> Any:
        from faster_whisper import WhisperModel

        for file in self._model.files:
            self._store.path(self._model, file.path)
        on_gpu = self._runtime.on_gpu(_gpus)
        return WhisperModel(
            str(self._store.folder / self._model.name),
            device="cuda" if on_gpu else "cpu",
            compute_type="float16" if on_gpu else "int8",
            cpu_threads=1,
            num_workers=self._runtime.threads,
            local_files_only=True,
        )


def _gpus() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())


def _word(found: Any) -> Word:
    sure = round(float(found.probability), 3)
    return Word(found.word.strip(), float(found.start), float(found.end), sure)


class WhisperAnalyzer(Finder):
    """Recognizes what is said in an utterance, in the languages that its model knows.

    The child decodes the sound; the samples come back. The model could not run there: it writes
    machine code as it goes, which no sealed child may.
    """

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        self.recognizer = Whisper(store, model, runtime)
        self.spec = AnalyzerSpec(  # of the model, not of the class
            f"speech-{model.name}",
            "1",
            segments=("utterance",),
            needs=("speech",),
            emits=("audio",),
            model=model.label,
            cost=Cost(0.3, "second"),
        )

    def load(self) -> None:
        containers.load()

    def prepare(self, segment: Segment) -> bytes | None:
        return samples_of(segment.renditions["speech"])[: LONGEST_S * RATE].tobytes()

    def find(
        self, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        import numpy as np

        if len(prepared) % 4 or len(prepared) > 4 * LONGEST_S * RATE:
            raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "no samples of an utterance")
        samples = np.nan_to_num(np.frombuffer(prepared, np.float32), nan=0.0, posinf=0, neginf=0)
        heard = self.recognizer.recognize(np.clip(samples, -1, 1))
        return result_of(segment, heard, self.recognizer.model)
