"""A BERT encoder of sentences as ONNX, from its weights alone: no torch.

Devlin et al., BERT, 2019; the parts of all-MiniLM-L6-v2. Standard operators of opset 20 only. The
output is the mean over the tokens, of length 1.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

OPSET, IR = 20, 10
HIDDEN = -1e4
"""What is added where a token is filling."""


class GraphWriter:
    """Collects nodes and weights; `op` returns the name of what a node puts out."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}

    def weight(self, value: Any, name: str) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.weights[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def numbers(self, *values: int) -> str:
        import numpy as np

        return self.weight(np.array(values, np.int64), f"numbers{'_'.join(map(str, values))}")

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = name or f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name


class Bert:
    """Writes the graph of a configuration and its weights, named as transformers names them."""

    def __init__(
        self, config: Mapping[str, Any], weights: Mapping[str, "Array"], length: int
    ) -> None:
        if (config["hidden_act"], config["position_embedding_type"]) != ("gelu", "absolute"):
            raise ValueError("only BERT with gelu and absolute positions is known here")
        self._config, self._given, self._length = config, weights, length
        self._graph = GraphWriter()

    def model(self) -> Any:
        """Return the ONNX model."""
        import onnx
        from onnx import TensorProto, helper

        graph, width = self._graph, self._config["hidden_size"]
        mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
        seen = self._embedded()
        kept = graph.op("Sub", mask, graph.weight(_float(1), "one"))
        bias = graph.op("Mul", graph.op("Unsqueeze", kept, graph.numbers(1, 2)),
                        graph.weight(_float(-HIDDEN), "hidden"))  # fmt: skip
        for layer in range(self._config["num_hidden_layers"]):
            seen = self._layer(seen, bias, f"encoder.layer.{layer}.")
        wide = graph.op("Unsqueeze", mask, graph.numbers(2))
        total = graph.op("ReduceSum", graph.op("Mul", seen, wide), graph.numbers(1), keepdims=0)
        graph.op("LpNormalization", total, name="vector", axis=-1, p=2)
        axes = ["many", "long"]
        made = helper.make_graph(
            graph.nodes,
            "bert",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, axes)
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["many", width])],
            list(graph.weights.values()),
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(made, opset_imports=opset, ir_version=IR)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _embedded(self) -> str:
        """Words, their places, and the one sentence they all belong to."""
        graph, table = self._graph, "embeddings.{}_embeddings.weight"
        places = self._given[table.format("position")][: self._length]
        together = places + self._given[table.format("token_type")][0]
        count = graph.op("Gather", graph.op("Shape", "input_ids"), graph.numbers(1), axis=0)
        start = graph.op("Slice", graph.weight(together, "places"), graph.numbers(0), count,
                         graph.numbers(0))  # fmt: skip
        words = graph.op("Gather", self._weight(table.format("word")), "input_ids", name="words")
        return self._norm(graph.op("Add", words, start), "embeddings.LayerNorm")

    def _layer(self, seen: str, bias: str, prefix: str) -> str:
        attended = self._dense(self._attention(seen, bias, prefix + "attention.self."),
                               prefix + "attention.output.dense")  # fmt: skip
        seen = self._norm(
            self._graph.op("Add", attended, seen), prefix + "attention.output.LayerNorm"
        )
        inner = self._graph.op("Gelu", self._dense(seen, prefix + "intermediate.dense"))
        outer = self._graph.op("Add", self._dense(inner, prefix + "output.dense"), seen)
        return self._norm(outer, prefix + "output.LayerNorm")

    def _attention(self, seen: str, bias: str, prefix: str) -> str:
        import numpy as np

        graph, heads = self._graph, self._config["num_attention_heads"]
        size = self._config["hidden_size"] // heads
        parts = [prefix + name for name in ("query", "key", "value")]
        weight = np.concatenate([self._given[part + ".weight"] for part in parts]).T
        added = np.concatenate([self._given[part + ".bias"] for part in parts])
        all_three = graph.op("MatMul", seen, graph.weight(weight, prefix + "weight"))
        all_three = graph.op("Add", all_three, graph.weight(added, prefix + "bias"))
        split = graph.op("Reshape", all_three, graph.numbers(0, 0, 3, heads, size))
        split = graph.op("Transpose", split, perm=[2, 0, 3, 1, 4])  # (3, many, heads, long, size)
        query, key, value = (
            graph.op("Gather", split, graph.weight(np.int64(part), f"part{part}"), axis=0)
            for part in range(3)
        )
        query = graph.op("Mul", query, graph.weight(_float(size**-0.5), "scale"))
        scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
        shares = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
        found = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
        return graph.op("Reshape", found, graph.numbers(0, 0, heads * size))

    def _dense(self, seen: str, name: str) -> str:
        weight = self._graph.weight(self._given[name + ".weight"].T, name + ".weight")
        product = self._graph.op("MatMul", seen, weight)
        return self._graph.op("Add", product, self._weight(name + ".bias"))

    def _norm(self, seen: str, name: str) -> str:
        scale, shift = self._weight(name + ".weight"), self._weight(name + ".bias")
        epsilon = self._config["layer_norm_eps"]
        return self._graph.op("LayerNormalization", seen, scale, shift, axis=-1, epsilon=epsilon)

    def _weight(self, name: str) -> str:
        return self._graph.weight(self._given[name], name)


def _float(value: float) -> Any:
    import numpy as np

    return np.float32(value)


def folded(model: Any, block: int = 128) -> Any:
    """Return the model with weights of 8 bits, a scale for each block of a column.

    onnxruntime unfolds them to 32 bits once, when it loads the model: a quarter of the file, the
    speed of before, and vectors that do not depend on their neighbours.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    nodes, added = [], []
    for node in graph.node:
        is_matrix = node.op_type == "MatMul" and node.input[1] in weights
        if not is_matrix and node.name != "words":
            nodes.append(node)
            continue
        name = node.input[1] if is_matrix else node.input[0]
        values = numpy_helper.to_array(weights.pop(name))
        rows, columns = values.shape
        size = block if is_matrix else 1
        blocks = values.reshape(rows // size, size, columns)
        scale = np.abs(blocks).max(1 if is_matrix else 2, keepdims=True) / 127
        scale[scale == 0] = 1
        whole = np.clip(np.rint(blocks / scale), -127, 127).astype(np.int8)
        added += [
            numpy_helper.from_array(whole, name + ".whole"),
            numpy_helper.from_array(scale.astype(np.float32), name + ".scale"),
            numpy_helper.from_array(np.array([rows, columns]), name + ".shape"),
        ]
        nodes += [
            helper.make_node("Cast", [name + ".whole"], [name + ".cast"], to=1),
            helper.make_node("Mul", [name + ".cast", name + ".scale"], [name + ".blocks"]),
            helper.make_node("Reshape", [name + ".blocks", name + ".shape"], [name]),
            node,
        ]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*weights.values(), *added])
    return model
