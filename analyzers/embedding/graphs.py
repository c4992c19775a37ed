"""ONNX graphs of pulled models: each run has one thread, and runs go side by side.

Measured on two cores: two runs of one thread beat one run of two threads, because none waits for
the other inside a layer, and a session without threads can be shared by all callers.
"""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime, onnxruntime

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Graph:
    """One graph of a model; it is checked and loaded when it is first run."""

    def __init__(self, store: ModelStore, model: Model, file: str, runtime: Runtime) -> None:
        self._store, self._model, self._file, self._runtime = store, model, file, runtime

    @cached_property
    def session(self) -> Any:
        path = self._store.path(self._model, self._file)
        for other in self._model.files:  # weights may lie beside the graph
            self._store.path(self._model, other.path)
        return _session(str(path), self._model.label, tuple(self._runtime.providers()))

    def run(self, inputs: Mapping[str, "Array"], output: str | None) -> "Array":
        """Return one output, the first if none is named."""
        (found,) = self.answers(inputs, [output or self.session.get_outputs()[0].name])
        return found

    def answers(self, inputs: Mapping[str, "Array"], names: Sequence[str]) -> list["Array"]:
        """Return some outputs; inputs that the graph does not know are left out."""
        import numpy as np

        known = {wanted.name: wanted.type for wanted in self.session.get_inputs()}
        feeds = {name: _typed(inputs[name], known[name]) for name in known if name in inputs}
        if len(known) == 1 and not feeds:  # a picture's input has no agreed name
            (name, value), *_ = zip(known, inputs.values(), strict=False)
            feeds = {name: _typed(value, known[name])}
        return [np.asarray(found, np.float32) for found in self.session.run(list(names), feeds)]


@cache
def _session(path: str, label: str, providers: tuple[str, ...]) -> Any:
    """Return a session that all who use the same files share."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # one level more, the layout of convolutions, crashes 1.32 on half floats on a processor
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return ort.InferenceSession(path, options, providers=list(providers))


def _typed(value: "Array", wanted: str) -> "Array":
    """Return an array in the type that a graph wants: half floats, 32-bit ids."""
    import numpy as np

    types = {"tensor(float16)": np.float16, "tensor(int32)": np.int32}
    return value.astype(types[wanted]) if wanted in types else value


def unit(vectors: "Array") -> "Array":
    """Return rows of length 1."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: Array = vectors / np.maximum(lengths, np.float32(1e-12))
    return found
