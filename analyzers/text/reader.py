"""The recognizer: a cheap look for text first, then the lines of a picture with their boxes."""

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from analyzers.decoding import decoding
from analyzers.text.turns import Box, Watched, turn_of, turned_back
from dataflux.errors import MediaFailed
from schemas.names import Reason

GATE_SIDE = 640
GATE_SCORE = 0.6
"""At this size the detector costs an eighth of a whole reading and misses next to nothing."""
READING_SIDE = 1_280
SMALL_SIDE = 640
"""Pictures below are read at twice their size: letters of eight pixels become legible."""
LEAST_SCORE = 0.6
THREADS = 1
SAME = 0.9
"""What is read of a turned picture must be about as much, and as sure."""

Quad = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of recognized text; boxes are left, top, right, bottom as shares of the picture.

    `read` is where it stood when it was read, if the picture had to be turned for that: the order
    of lines is that of a page held upright.
    """

    text: str
    score: float
    box: Box
    read: Box | None = None

    @property
    def upright(self) -> Box:
        return self.read or self.box


@cache
def model_name() -> str:
    """Return the library with its version and the models in its wheel."""
    from importlib.metadata import version

    return f"rapidocr-{version('rapidocr')}/PP-OCRv6-small"


@cache
def _engine() -> tuple[Any, Any]:
    """Return the recognizer, and its detector as a gate; the models are those in the wheel."""
    import cv2
    import rapidocr

    cv2.setNumThreads(1)
    models = Path(rapidocr.__file__).parent / "models"
    paths = {
        "Det.model_path": models / "PP-OCRv6_det_small.onnx",
        "Rec.model_path": models / "PP-OCRv6_rec_small.onnx",
        "Cls.model_path": models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    }
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        raise MediaFailed(
            Reason.MODEL_UNAVAILABLE, f"rapidocr lacks {', '.join(missing)}; install rapidocr 3.10"
        )
    engine: Any = rapidocr.RapidOCR(
        params={
            **{name: str(path) for name, path in paths.items()},
            "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
            "EngineConfig.onnxruntime.inter_op_num_threads": THREADS,
            "Det.limit_type": "max",  # the default would scale small pictures up
            "Det.limit_side_len": READING_SIDE,
            "Global.log_level": "critical",
        }
    )
    engine(_sample())  # models are loaded by the first reading
    engine.text_cls = Watched(engine.text_cls)
    gate = copy.copy(engine.text_det)
    gate.limit_side_len = GATE_SIDE
    return engine, gate


@cache
def load() -> None:
    """Load the models and read one picture with text, so that every step has run once."""
    read(_encoded(_sample()))
    model_name()


def read(data: bytes) -> list[Line]:
    """Return the lines of text in an encoded picture; [] if a first look finds none."""
    import numpy as np
    from PIL import Image

    with decoding("keyframe"):
        image = Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]).convert("RGB")
        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    engine, gate = _engine()
    if not _has_text(gate, pixels):
        return []
    if max(image.size) < SMALL_SIDE:
        image = image.resize((image.width * 2, image.height * 2))
        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    return _upright(engine, image, pixels)


def _upright(engine: Any, image: Any, pixels: Any) -> list[Line]:
    """Read a picture, and once more if its text is turned as a whole and reads better so."""
    found = engine(pixels)
    lines = _lines(found, image.width, image.height)
    turn = 0 if not lines else turn_of(found.boxes.tolist(), engine.text_cls.upside_down)
    if turn == 0:
        return lines
    import numpy as np

    again = np.ascontiguousarray(np.rot90(pixels, turn // 90))
    height, width = again.shape[:2]
    held = _lines(engine(again), width, height)
    if _legible(held) < SAME * _legible(lines):  # such as columns of Chinese or Japanese
        return lines
    return [replace(line, box=turned_back(line.box, turn), read=line.box) for line in held]


def _legible(lines: Sequence[Line]) -> float:
    return sum(line.score * len("".join(line.text.split())) for line in lines)


def _has_text(gate: Any, pixels: Any) -> bool:
    scores = gate(pixels).scores
    return scores is not None and any(score >= GATE_SCORE for score in scores)


def _lines(found: Any, width: int, height: int) -> list[Line]:
    if found.boxes is None or found.txts is None:
        return []
    every = zip(found.boxes.tolist(), found.txts, found.scores, strict=True)
    lines = (
        Line(text.strip(), float(score), _box(quad, width, height)) for quad, text, score in every
    )
    return [line for line in lines if line.text and line.score >= LEAST_SCORE]


def _box(quad: Quad, width: int, height: int) -> tuple[float, float, float, float]:
    across = [min(max(x / width, 0.0), 1.0) for x, _ in quad]
    down = [min(max(y / height, 0.0), 1.0) for _, y in quad]
    return min(across), min(down), max(across), max(down)


def _sample() -> Any:
    """Return a picture with two lines of text, as the recognizer takes it."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (640, 200), "white")
    draw = ImageDraw.Draw(image)
    for y, text in ((40, "Two lines of text"), (110, "to warm up 123")):
        draw.text((40, y), text, fill="black", font=ImageFont.load_default(40))
    return np.asarray(image)


def _encoded(pixels: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
