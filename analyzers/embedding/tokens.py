"""Text through a model: windows of tokens in, one vector a text out."""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analyzers.embedding.batches import Batches
from analyzers.embedding.graphs import Graph, unit
from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_WINDOWS = 16
"""Of a long text; its vector is the mean of theirs."""


class TextTower:
    """The text side of a model; threads may share it."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        assert model.text is not None
        self._store, self._model, self._how = store, model, model.text
        self._runtime = runtime
        self._graph = Graph(store, model, model.text.file, runtime)
        self._loading = threading.Lock()

    def encode(self, texts: Sequence[str]) -> list["Array"]:
        """Return a vector of length 1 for each text."""
        import numpy as np

        with self._loading:
            batches, tokenizer = self._batches, self._tokenizer
        found = [_windows(encoding) for encoding in tokenizer.encode_batch(list(texts))]
        order = sorted(
            ((text, at) for text, parts in enumerate(found) for at in range(len(parts))),
            key=lambda place: len(found[place[0]][place[1]].ids),
        )  # neighbours of like length: little filling
        vectors = batches([found[text][at] for text, at in order])
        sums = np.zeros((len(texts), vectors[0].shape[-1]), np.float32)
        for (text, _), vector in zip(order, vectors, strict=True):
            sums[text] += vector
        return list(unit(sums))

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        made = Tokenizer.from_buffer(self._store.read(self._model, self._how.tokenizer))
        made.enable_truncation(self._how.length, stride=0)
        made.no_padding()
        return made

    @cached_property
    def _batches(self) -> "Batches[Any, Array]":
        _ = self._graph.session
        return Batches.of(self._model, self._runtime, self._run)

    def _run(self, windows: Sequence[Any]) -> "Array":
        import numpy as np

        longest = self._how.length if self._how.fixed else max(len(w.ids) for w in windows)
        ids = np.full((len(windows), longest), self._filling, np.int64)
        mask = np.zeros((len(windows), longest), np.int64)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return unit(self._pooled(self._graph.run(inputs, self._how.output), mask))

    @cached_property
    def _filling(self) -> int:
        for name in ("<pad>", "[PAD]", "<|endoftext|>"):
            if (token := self._tokenizer.token_to_id(name)) is not None:
                return int(token)
        return 0

    def _pooled(self, found: "Array", mask: "Array") -> "Array":
        if self._how.pooling == "cls":
            return found[:, 0]
        if self._how.pooling == "mean":
            weights = mask[..., None].astype(found.dtype)
            mean: Array = (found * weights).sum(1) / weights.sum(1)
            return mean
        return found


def _windows(encoding: Any) -> list[Any]:
    return [encoding, *encoding.overflowing][:MOST_WINDOWS]
