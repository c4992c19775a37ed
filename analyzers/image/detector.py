"""What detectors have in common: a square of pixels into a graph, things with boxes out of it."""

import io
import struct
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from analyzers.api import AnalysisResult, AnalyzerSpec, Cost, Finder, Segment
from analyzers.decoding import Limits
from analyzers.embedding import pixels
from analyzers.embedding.batches import Batches
from analyzers.embedding.graphs import Graph
from analyzers.image import decoder, yunet
from analyzers.image.detections import Detection, of_labels, of_logits
from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from dataflux.errors import MediaFailed
from schemas.names import Consent, Reason

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

COVERED = struct.Struct("<HH")
"""Behind the pixels: how much of the square, across and down, the picture covers."""


class Detector(Finder):
    """Keyframes are decoded and shrunk in the child; threads share the graph.

    A kind of detector says what it is called, what it costs, and what it makes of what is seen.
    """

    name: ClassVar[str]
    cost: ClassVar[Cost]
    consent: ClassVar[Consent | None] = None
    most: ClassVar[int]

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        assert model.image is not None
        assert model.objects is not None
        self._model, self._how, self._objects = model, model.image, model.objects
        self._runtime = runtime
        self._graph = Graph(store, model, model.image.file, runtime)
        self._loading = threading.Lock()
        self.spec = AnalyzerSpec(  # of the model, not of the class
            self.name,
            "1",
            segments=("image", "scene", "page"),
            needs=("keyframe",),
            emits=("visual",),
            model=model.label,
            cost=self.cost,
            consent=self.consent,
        )

    def load(self) -> None:
        decoder.load()
        self.prepare(Segment("image", {}, {}, renditions={"keyframe": decoder.sample()}))

    def prepare(self, segment: Segment) -> bytes | None:
        keyframe = segment.renditions.get("keyframe")
        if keyframe is None:
            return None
        picture = decoder.decode(io.BytesIO(keyframe), Limits()).image
        size = self._how.size
        covered = (size, size)
        if self._how.resize == "pad":
            covered = pixels.fitted(*picture.size, size)
        return pixels.prepared(picture, self._how) + COVERED.pack(*covered)

    def find(
        self, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        found = self.detections(prepared)[: self.most]
        if not found:
            return None
        sure = round(sum(thing.score for thing in found) / len(found), 3)
        return AnalysisResult(
            features={"visual": {self.name: self.facts(found)}},
            confidence_scores={"visual": {self.name: sure}},
            segments=self.regions(segment, found),
            model=self._model.label,
        )

    @abstractmethod
    def facts(self, found: Sequence[Detection]) -> dict[str, Any]:
        """Return what is said of the whole picture."""

    @abstractmethod
    def regions(self, segment: Segment, found: Sequence[Detection]) -> list[Segment]:
        """Return a segment for each thing."""

    def detections(self, prepared: bytes) -> list[Detection]:
        """Return what is seen, best first; boxes in shares of the picture."""
        size, length = self._how.size, pixels.length(self._how)
        if len(prepared) != length + COVERED.size:
            raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a square of another size")
        across, down = COVERED.unpack_from(prepared, length)
        if not (0 < across <= size and 0 < down <= size):
            raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a picture larger than its square")
        with self._loading:
            batches = self._batches
        (found,) = batches([prepared[:length]])
        return [_grown(each, across / size, down / size) for each in found]

    @cached_property
    def _batches(self) -> "Batches[bytes, list[Detection]]":
        _ = self._graph.session
        return Batches.of(self._model, self._runtime, self._run)

    def _run(self, squares: Sequence[bytes]) -> list[list[Detection]]:
        return READERS[self._objects.answers](self, pixels.normalized(squares, self._how))

    def _by_logits(self, pictures: "Array") -> list[list[Detection]]:
        inputs = {"pixel_values": pictures}
        logits, boxes = self._graph.answers(inputs, ["logits", "pred_boxes"])
        if logits.ndim != 3 or logits.shape[2] != len(self._objects.labels):
            raise self._unlike(f"answers of shape {logits.shape}")
        limit = self._objects.threshold
        return [of_logits(one, where, limit) for one, where in zip(logits, boxes, strict=True)]

    def _by_labels(self, pictures: "Array") -> list[list[Detection]]:
        """Ask for boxes in a picture of size 1 x 1: for shares."""
        import numpy as np

        ones = np.ones((len(pictures), 2), np.int64)
        inputs = {"images": pictures, "orig_target_sizes": ones}
        found = self._graph.answers(inputs, ["labels", "boxes", "scores"])
        if found[0].size and found[0].max() >= len(self._objects.labels):
            raise self._unlike(f"a class {int(found[0].max())}")
        limit = self._objects.threshold
        each = zip(*found, strict=True)
        return [of_labels(labels, boxes, scores, limit) for labels, boxes, scores in each]

    def _by_yunet(self, pictures: "Array") -> list[list[Detection]]:
        inputs = {"input": pictures[:, ::-1]}  # it was trained on blue, green, red
        found = self._graph.answers(inputs, yunet.OUTPUTS)
        each = (dict(zip(yunet.OUTPUTS, one, strict=True)) for one in zip(*found, strict=True))
        return [yunet.faces(one, self._how.size, self._objects.threshold) for one in each]

    def _unlike(self, what: str) -> MediaFailed:
        labels = len(self._objects.labels)
        return MediaFailed(
            Reason.MODEL_UNAVAILABLE,
            f"{self._model.name} gives {what}, but its model.json names {labels} labels; mend it",
        )


READERS: dict[str, Callable[[Detector, Any], list[list[Detection]]]] = {
    "logits": Detector._by_logits,
    "labels": Detector._by_labels,
    "yunet": Detector._by_yunet,
}


def _grown(found: Detection, across: float, down: float) -> Detection:
    """Return a thing in shares of the picture, which covers this much of its square."""
    left, top, right, bottom = found.box
    box = (left / across, top / down, min(1.0, right / across), min(1.0, bottom / down))
    return replace(found, box=box)
