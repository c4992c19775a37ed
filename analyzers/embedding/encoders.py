"""Embedders with a pulled model; each has a space of its own, named after it."""

import io
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analyzers.api import AnalyzerSpec, Cost, Embedding, Encoder, Segment
from analyzers.decoding import Limits
from analyzers.embedding import pixels
from analyzers.embedding.batches import Batches
from analyzers.embedding.graphs import Graph, unit
from analyzers.embedding.tokens import TextTower
from analyzers.image import decoder
from analyzers.models.manifest import Calibration, Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from dataflux.errors import MediaFailed
from schemas.names import Reason

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LONGEST_TEXT = 20_000


class _WithModel(Encoder):
    """What both have in common: a model, its space and its calibration."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        self._store, self._model, self._runtime = store, model, runtime
        self.calibration = _numbers(model.calibration)
        self.query_calibration = _numbers(model.query_calibration)
        self._tower = TextTower(store, model, runtime)

    def encode_texts(self, texts: Sequence[str]) -> "list[Array]":
        """Return a vector of length 1 for each text."""
        return self._tower.encode(texts)

    def embed_query(self, query: str | bytes) -> Embedding | None:
        if isinstance(query, bytes):
            return super().embed_query(query)
        if not query.strip():
            return None
        (vector,) = self._tower.encode([query[:LONGEST_TEXT]])
        return Embedding(self._model.space, vector.tolist())


def _numbers(calibration: Calibration | None) -> dict[str, float]:
    return {} if calibration is None else calibration.model_dump(exclude_none=True)


class TextEncoder(_WithModel):
    """Turns the texts of a segment, and a query in words, into the space of a model."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        super().__init__(store, model, runtime)
        self.spec = AnalyzerSpec(  # of the model, not of the class
            name=f"text-{model.name}",
            version=model.generation,
            needs=("text",),
            emits=(model.space,),
            model=model.label,
            dimensions=model.dimensions,
            cost=Cost(0.05),
        )

    def prepare(self, segment: Segment) -> bytes | None:
        body = "\n".join(text.body for text in segment.texts)[:LONGEST_TEXT]
        return body.encode(errors="replace") if body.strip() else None

    def encode(self, prepared: Sequence[bytes]) -> Sequence[Sequence[float]]:
        texts = [body.decode(errors="replace")[:LONGEST_TEXT] for body in prepared]
        return [vector.tolist() for vector in self._tower.encode(texts)] if texts else []


class PictureEncoder(_WithModel):
    """Turns keyframes, query pictures and queries in words into the space of a dual encoder."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        super().__init__(store, model, runtime)
        assert model.image is not None
        self._how = model.image
        self._graph = Graph(store, model, model.image.file, runtime)
        self._loading = threading.Lock()
        self.spec = AnalyzerSpec(  # of the model, not of the class
            name=f"visual-{model.name}",
            version=model.generation,
            segments=("image", "scene", "page"),
            needs=("keyframe",),
            emits=(model.space,),
            model=model.label,
            dimensions=model.dimensions,
            cost=Cost(0.3),
        )

    def load(self) -> None:
        decoder.load()
        self.prepare_query(decoder.sample())

    def prepare(self, segment: Segment) -> bytes | None:
        keyframe = segment.renditions.get("keyframe")
        return None if keyframe is None else self.prepare_query(keyframe)

    def prepare_query(self, query: bytes) -> bytes:
        return pixels.prepared(decoder.decode(io.BytesIO(query), Limits()).image, self._how)

    def encode(self, prepared: Sequence[bytes]) -> Sequence[Sequence[float]]:
        if any(len(square) != pixels.length(self._how) for square in prepared):
            raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a square of another size")
        with self._loading:
            batches = self._batches
        return [vector.tolist() for vector in batches(prepared)]

    @cached_property
    def _batches(self) -> "Batches[bytes, Array]":
        _ = self._graph.session
        return Batches.of(self._model, self._runtime, self._run)

    def _run(self, squares: Sequence[bytes]) -> "Array":
        inputs = {"pixel_values": pixels.normalized(squares, self._how)}
        return unit(self._graph.run(inputs, self._how.output))
