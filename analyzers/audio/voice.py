"""Where somebody speaks: Silero VAD v6, whose model lies in the wheel of faster-whisper (MIT)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzers.audio.sound import RATE
from dataflux.errors import MediaFailed
from schemas.names import Reason

if TYPE_CHECKING:
    import numpy as np

    from analyzers.audio.sound import Samples

MODEL = "silero-vad-v6"
ASSET = "assets/silero_vad_v6.onnx"
SHA256 = "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2"
WINDOW = 512
CONTEXT = 64
WINDOW_S = WINDOW / RATE
"""The model gives one probability for each 32 ms, knowing 4 ms before them."""
ON, OFF = 0.5, 0.35
"""Speech begins at one and ends below the other (Silero's own defaults)."""


@cache
def session() -> Any:
    """Load the model; raise MediaFailed(model_unavailable) if it is not the one we know."""
    import onnxruntime as ort

    path = _path()
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise MediaFailed(Reason.MODEL_UNAVAILABLE, f"{path.name} is not the known model")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _path() -> Path:
    """Find the model beside a package that is not imported: that would import its decoders."""
    spec = find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise MediaFailed(
            Reason.MODEL_UNAVAILABLE, "the voice model is missing; install dataflux[speech]"
        )
    return Path(spec.origin).parent / ASSET


class VoiceActivity:
    """The probability of speech, window after window; its state runs on from block to block."""

    def __init__(self) -> None:
        import numpy as np

        self._session = session()
        self._state = np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: "Samples") -> "Samples":
        """Return the probabilities of the windows that are whole by now."""
        import numpy as np

        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // WINDOW * WINDOW
        self._rest = samples[whole:]
        if not whole:
            return np.zeros(0, np.float32)
        return self._run(samples[:whole].reshape(-1, WINDOW))

    def end(self) -> "Samples":
        """Return the probability of what is left, filled up with silence."""
        import numpy as np

        if not len(self._rest):
            return np.zeros(0, np.float32)
        return self._run(np.pad(self._rest, (0, WINDOW - len(self._rest)))[None])

    def _run(self, windows: "np.ndarray[Any, Any]") -> "Samples":
        import numpy as np

        before = np.vstack([self._context[None], windows[:-1, -CONTEXT:]])
        self._context = windows[-1, -CONTEXT:]
        inputs = {
            "input": np.hstack([before, windows]),
            "h": self._state[0],
            "c": self._state[1],
        }
        probabilities, *state = self._session.run(None, inputs)
        self._state = state[0], state[1]
        found: Samples = probabilities.ravel()
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in seconds, with the mean probability of speech in it."""

    start: float
    end: float
    probability: float = 0.0


@dataclass
class Utterances:
    """Joins windows to utterances: short pauses belong to them, short noises are none.

    A recognizer needs the context of a whole sentence, and speakers pause inside one. Who speaks
    on without a pause is cut where speech is least likely.
    """

    pause_s: float = 1.2
    shortest_s: float = 0.25
    longest_s: float = 30.0
    _at: int = 0
    _heard: list[float] = field(default_factory=list)
    """The probabilities since the utterance has begun; the last one is of the window before."""
    _last: int = 0
    """How many of them belong to it: no pause yet."""

    def feed(self, probabilities: "Samples") -> Iterator[Span]:
        """Yield the utterances that have ended."""
        for probability in probabilities:
            self._at += 1
            yield from self._window(float(probability))

    def end(self) -> Iterator[Span]:
        yield from self._close(self._last)

    def _window(self, probability: float) -> Iterator[Span]:
        if not self._heard and probability < ON:
            return
        self._heard.append(probability)
        if probability >= OFF:
            self._last = len(self._heard)
        if (len(self._heard) - self._last) * WINDOW_S > self.pause_s:
            yield from self._close(self._last)
        elif (len(self._heard) + 1) * WINDOW_S > self.longest_s:
            yield from self._split()

    def _split(self) -> Iterator[Span]:
        """Close at the least likely window of the second half, and go on with what follows."""
        half = len(self._heard) // 2
        cut = min(range(half, len(self._heard) - 1), key=self._around)
        rest, self._heard = self._heard[cut:], self._heard[:cut]
        self._at -= len(rest)
        yield from self._close(min(self._last, cut))
        for probability in rest:
            self._at += 1
            yield from self._window(probability)

    def _around(self, window: int) -> float:
        return sum(self._heard[window - 1 : window + 2])

    def _close(self, windows: int) -> Iterator[Span]:
        heard, self._heard, self._last = self._heard, [], 0
        if windows * WINDOW_S >= self.shortest_s:
            start = self._at - len(heard)
            mean = sum(heard[:windows]) / windows
            yield Span(start * WINDOW_S, (start + windows) * WINDOW_S, mean)
