"""From what a detector's graph answers to things with a label, a score and a box.

The steps are those of RT-DETR and D-FINE, which need no suppression of doubles: every class of
every query competes, and the best are taken, as many as there are queries (Zhao et al., DETRs Beat
YOLOs on Real-time Object Detection, 2024; `post_process_object_detection` of transformers).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzers.image.boxes import Box

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Detection:
    """A thing; `kind` is the number of its class."""

    kind: int
    score: float
    box: Box


def of_logits(logits: "Array", boxes: "Array", threshold: float) -> list[Detection]:
    """Return what is believed, best first, of logits (queries, classes) and boxes (queries, 4).

    A box comes as middle and size, in shares of the picture.
    """
    import numpy as np

    queries, classes = logits.shape
    scores = _sigmoid(logits.astype(np.float32)).ravel()
    best = np.argsort(-scores, kind="stable")[:queries]
    return _kept(scores[best], best % classes, _corners(boxes)[best // classes], threshold)


def of_labels(
    labels: "Array", boxes: "Array", scores: "Array", threshold: float
) -> list[Detection]:
    """Return what is believed, best first, of labels (queries) and boxes by their corners."""
    import numpy as np

    best = np.argsort(-scores, kind="stable")
    return _kept(scores[best], labels[best].astype(int), boxes[best], threshold)


def _kept(scores: "Array", kinds: "Array", boxes: "Array", threshold: float) -> list[Detection]:
    sure = scores > threshold  # false for NaN, too
    return list(_inside(scores[sure], kinds[sure], boxes[sure]))


def _inside(scores: "Array", kinds: "Array", boxes: "Array") -> Iterator[Detection]:
    """Yield the things with the part of their box that lies in the picture, if any does."""
    for score, kind, corners in zip(scores, kinds, boxes.clip(0, 1), strict=True):
        left, top, right, bottom = (float(value) for value in corners)
        if right > left and bottom > top:
            yield Detection(int(kind), float(score), (left, top, right, bottom))


def _corners(boxes: "Array") -> "Array":
    import numpy as np

    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _sigmoid(values: "Array") -> "Array":
    import numpy as np

    small = np.exp(-np.abs(values))  # never overflows
    found: Array = np.where(values >= 0, 1 / (1 + small), small / (1 + small))
    return found
