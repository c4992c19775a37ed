"""Words of an utterance, by a recognizer that needs no download."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from analyzers import containers
from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment, Text
from analyzers.audio.sound import RATE, first_track

if TYPE_CHECKING:
    from analyzers.audio.sound import Samples

CONFIDENCE = 0.4
"""The most that is claimed: it gives keywords of English, not a transcript."""


@dataclass(frozen=True, slots=True)
class Word:
    """A recognized word, in seconds from the start of the sound."""

    word: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance and their language; how sure of that, where it was detected."""

    words: Sequence[Word]
    language: str
    language_confidence: float | None = None

    @property
    def confidence(self) -> float:
        return round(sum(word.confidence for word in self.words) / max(1, len(self.words)), 3)


class Recognizer(Protocol):
    """Turns 16 kHz mono sound into words."""

    @property
    def model(self) -> str: ...
    def recognize(self, samples: "Samples") -> Transcript: ...


class PocketSphinx:
    """The English model in the wheel of pocketsphinx (BSD); it hears words in any noise."""

    model = "pocketsphinx"

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=RATE, loglevel="FATAL")
        self._frames_per_s = 100

    def recognize(self, samples: "Samples") -> Transcript:
        import numpy as np

        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return Transcript([], "en")
        words = [
            Word(
                item.word.partition("(")[0],  # and(2) is a way to say "and"
                item.start_frame / self._frames_per_s,
                (item.end_frame + 1) / self._frames_per_s,
                CONFIDENCE,
            )
            for item in self._decoder.seg()
            if not item.word.startswith(("<", "[", "+"))
        ]
        return Transcript(words, "en")


class SpeechAnalyzer(BaseAnalyzer):
    """Recognizes what is said in an utterance, word by word; labelled with the model it is from."""

    spec = AnalyzerSpec(
        "speech",
        "1",
        segments=("utterance",),
        needs=("speech",),
        emits=("audio",),
        pool="speech",
        model=PocketSphinx.model,
        cost=Cost(0.6, "second"),
    )

    @cached_property
    def recognizer(self) -> Recognizer:
        return PocketSphinx()

    def load(self) -> None:
        import numpy as np

        containers.load()
        self.recognizer.recognize(np.zeros(RATE, np.float32))

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        if priorities.get("audio") == 0:
            return None
        heard = self.recognizer.recognize(samples_of(segment.renditions["speech"]))
        return result_of(segment, heard, self.recognizer.model)


def result_of(segment: Segment, heard: Transcript, model: str) -> AnalysisResult | None:
    """Return a transcript as what was found in its utterance; None if nothing was said."""
    if not heard.words:
        return None
    body = " ".join(word.word for word in heard.words)
    transcript: dict[str, Any] = {"words": _timed(segment, heard.words)}
    if heard.language_confidence is not None:
        transcript["language_confidence"] = round(heard.language_confidence, 3)
    return AnalysisResult(
        features={"audio": {"transcript": transcript}},
        confidence_scores={"audio": {"transcript": heard.confidence}},
        texts=[Text("spoken", body, heard.language, heard.confidence)],
        model=model,
    )


def _timed(segment: Segment, words: Sequence[Word]) -> list[dict[str, Any]]:
    """Return the words with their times in the asset: the sound begins a little before."""
    from analyzers.audio.timeline import MARGIN_S

    begins = segment.start_marker["time"] - MARGIN_S
    return [
        {
            "word": word.word,
            "start": round(max(0.0, begins + word.start), 2),
            "end": round(max(0.0, begins + word.end), 2),
        }
        for word in words
    ]


def samples_of(encoded: bytes) -> "Samples":
    """Decode a derived sound object."""
    import numpy as np

    with containers.opened(io.BytesIO(encoded)) as container:
        track = first_track(container)
        blocks = list(track.blocks()) if track else []
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
