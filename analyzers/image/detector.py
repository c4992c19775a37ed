"""What detectors have in common: a square of pixels into a graph, things with boxes out of it."""

import io
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analyzers.api import Finder, Segment
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
from schemas.names import Reason

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

COVERED = struct.Struct("<HH")
"""Behind the pixels: how much of the square, across and down, the picture covers."""
SEGMENTS = ("image", "scene", "page")


class Detector(Finder):
    """Keyframes are decoded and shrunk in the child; threads share the graph."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        assert model.image is not None
        assert model.objects is not None
        self._model, self._how, self._objects = model, model.image, model.objects
        self._runtime = runtime
        self._graph = Graph(store, model, model.image.file, runtime)
        self._loading = threading.Lock()

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
        return Batches(
            self._run,
            most=self._runtime.batch(self._model.batch),
            workers=self._runtime.workers(),
            name=self._model.name,
        )

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
