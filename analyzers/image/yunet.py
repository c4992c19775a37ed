"""Faces from what YuNet answers: three grids, of which doubles are suppressed.

As `FaceDetectorYN` of OpenCV reads it (modules/objdetect/src/face_detect.cpp; Wu et al., YuNet: A
Tiny Millisecond-level Face Detector, 2023).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyzers.image.detections import Detection

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"{part}_{stride}" for part in ("cls", "obj", "bbox") for stride in STRIDES)
SAME = 0.3
"""Two faces of which this much is in common are one (intersection over union)."""
MOST = 5_000


def faces(found: Mapping[str, "Array"], side: int, threshold: float) -> list[Detection]:
    """Return the faces in a square of `side` pixels, best first."""
    import numpy as np

    grids = [_grid(found, stride, side) for stride in STRIDES]
    scores = np.concatenate([score for score, _ in grids])
    boxes = np.concatenate([box for _, box in grids])
    sure = np.flatnonzero(scores > threshold)
    best = sure[np.argsort(-scores[sure], kind="stable")][:MOST]
    kept = best[_distinct(_in_whole_pixels(boxes[best]))]
    made = (_face(float(scores[at]), boxes[at] / side) for at in kept)
    return [face for face in made if face is not None]


def _grid(found: Mapping[str, "Array"], stride: int, side: int) -> tuple["Array", "Array"]:
    """Return the score and the corners of each cell, in pixels."""
    import numpy as np

    cells = side // stride
    kind, thing = (found[f"{part}_{stride}"].reshape(-1).clip(0, 1) for part in ("cls", "obj"))
    down, across = (axis.ravel() for axis in np.mgrid[:cells, :cells])
    x, y, width, height = found[f"bbox_{stride}"].reshape(-1, 4).T
    middle_x, middle_y = (across + x) * stride, (down + y) * stride
    half_x, half_y = (np.exp(size.clip(max=20)) * stride / 2 for size in (width, height))
    corners = [middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y]
    return np.sqrt(kind * thing), np.stack(corners, axis=1)


def _in_whole_pixels(boxes: "Array") -> "Array":
    """Return corners as OpenCV compares them: of boxes of whole pixels."""
    import numpy as np

    low, size = np.trunc(boxes[:, :2]), np.trunc(boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([low, low + size], axis=1)


def _distinct(boxes: "Array") -> list[int]:
    """Return the places of boxes, best first, that share too little with any better one."""
    import numpy as np

    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.arange(len(boxes))
    kept: list[int] = []
    while left.size:
        best, rest = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = (high - low).clip(0).prod(axis=1)
        left = rest[common <= SAME * (areas[best] + areas[rest] - common)]
    return kept


def _face(score: float, corners: "Array") -> Detection | None:
    left, top, right, bottom = (float(value) for value in corners.clip(0, 1))
    if right <= left or bottom <= top:
        return None
    return Detection(0, score, (left, top, right, bottom))
