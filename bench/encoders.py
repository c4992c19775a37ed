"""How near encoders come to what the processor can do: a ViT-B/32 through our own encoder.

    python bench/encoders.py [--threads N] [--rounds N] [--store FOLDER]

The weights are random: this measures speed. The peer is onnxruntime's own product of two matrices
of 2048 x 2048, in the same rounds; 8 bits are compared with 32. With --store, the text encoders
that lie there are timed too. Needs onnx (dataflux[export]) to build the graph.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from analyzers.embedding.encoders import PictureEncoder, TextEncoder
from analyzers.models.brought import add, own
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime, onnxruntime

ort = onnxruntime()
LAYERS, WIDTH, HEADS, INNER, TOKENS, SIDE = 12, 768, 12, 3072, 50, 224
GFLOP = 2e-9 * (
    49 * 3 * 32 * 32 * WIDTH
    + LAYERS * TOKENS * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER)
    + LAYERS * 2 * TOKENS * TOKENS * WIDTH
    + WIDTH * 512
)
MATRIX, IMAGES = 2048, 24
GOALS = {"fp32 of GEMM": 0.85, "int8 of fp32": 2.3}


def vit(path: Path) -> None:
    """Write a vision tower of CLIP ViT-B/32's shape with random weights."""
    import onnx
    from onnx import TensorProto, helper

    from analyzers.export.bert import GraphWriter

    rng, graph = np.random.default_rng(0), GraphWriter()

    def drawn(name: str, *shape: int) -> str:
        return graph.weight((rng.normal(size=shape) * 0.02).astype(np.float32), name)

    def dense(seen: str, name: str, before: int, after: int) -> str:
        product = graph.op("MatMul", seen, drawn(name + ".w", before, after))
        return graph.op("Add", product, drawn(name + ".b", after))

    def norm(seen: str, name: str) -> str:
        ones = graph.weight(np.ones(WIDTH, np.float32), name + ".g")
        return graph.op("LayerNormalization", seen, ones, drawn(name + ".h", WIDTH), axis=-1)

    patches = graph.op("Conv", "pixel_values", drawn("patch", WIDTH, 3, 32, 32), strides=[32, 32])
    patches = graph.op("Reshape", patches, graph.numbers(0, WIDTH, TOKENS - 1))
    patches = graph.op("Transpose", patches, perm=[0, 2, 1])
    first = graph.op("Slice", patches, graph.numbers(0), graph.numbers(1), graph.numbers(1))
    seen = graph.op("Concat", first, patches, axis=1)
    seen = norm(graph.op("Add", seen, drawn("places", 1, TOKENS, WIDTH)), "before")
    scale = graph.weight(np.float32((WIDTH / HEADS) ** -0.5), "scale")
    for layer in range(LAYERS):
        name, split = f"l{layer}", graph.numbers(0, TOKENS, HEADS, WIDTH // HEADS)
        inner = norm(seen, name + "a")
        query, key, value = (
            graph.op(
                "Transpose",
                graph.op("Reshape", dense(inner, name + part, WIDTH, WIDTH), split),
                perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3],
            )
            for part in "qkv"
        )
        shares = graph.op("Mul", graph.op("MatMul", query, key), scale)
        found = graph.op("MatMul", graph.op("Softmax", shares, axis=-1), value)
        found = graph.op("Transpose", found, perm=[0, 2, 1, 3])
        found = graph.op("Reshape", found, graph.numbers(0, TOKENS, WIDTH))
        seen = graph.op("Add", seen, dense(found, name + "o", WIDTH, WIDTH))
        wide = dense(norm(seen, name + "c"), name + "f", WIDTH, INNER)
        gate = graph.op("Mul", wide, graph.weight(np.float32(1.702), "quick"))
        wide = graph.op("Mul", wide, graph.op("Sigmoid", gate))
        seen = graph.op("Add", seen, dense(wide, name + "e", INNER, WIDTH))
    whole = graph.op("Gather", seen, graph.weight(np.int64(0), "zero"), axis=1)
    graph.op("MatMul", norm(whole, "after"), drawn("head", WIDTH, 512), name="image_embeds")
    shapes: list[list[str | int | None]] = [["many", 3, SIDE, SIDE], ["many", 512]]
    taken, given = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(("pixel_values", "image_embeds"), shapes, strict=True)
    )
    made = helper.make_graph(graph.nodes, "vit", [taken], [given], list(graph.weights.values()))
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=8), str(path))


def product(path: Path, threads: int) -> Callable[[], float]:
    """Return what multiplies two large matrices in onnxruntime and says how many GFLOP that is."""
    import onnx
    from onnx import TensorProto, helper

    shape = [MATRIX, MATRIX]
    a, b, c = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "abc")
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    made = helper.make_graph([node], "product", [a, b], [c])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=8), str(path))
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    one = np.random.default_rng(0).random((MATRIX, MATRIX), np.float32)

    def run() -> float:
        for _ in range(6):
            session.run(None, {"a": one, "b": one})
        return 6 * 2e-9 * MATRIX**3

    return run


def encoder(folder: Path, name: str, batch: int, threads: int) -> PictureEncoder:
    """Return our encoder of a graph in `folder/name.onnx`; it has no text side worth the name."""
    import json

    place = folder / name
    place.mkdir()
    (folder / f"{name}.onnx").rename(place / "vision.onnx")
    (place / "tokenizer.json").write_text("{}")
    described = {
        "name": name, "kind": "dual-encoder", "license": "MIT", "dimensions": 512, "batch": batch,
        "image": {"file": "vision.onnx", "output": "image_embeds", "size": SIDE},
        "text": {"file": "vision.onnx", "length": 8}, "files": ["vision.onnx", "tokenizer.json"],
    }  # fmt: skip
    (place / "model.json").write_text(json.dumps(described))
    store = ModelStore(folder / "store")
    model = own(name, place)
    add(store, model, place)
    return PictureEncoder(store, model, Runtime("cpu", threads))


def encoding(made: PictureEncoder) -> Callable[[], float]:
    rng = np.random.default_rng(1)
    squares = [rng.integers(0, 256, SIDE * SIDE * 3, np.uint8).tobytes() for _ in range(IMAGES)]

    def run() -> float:
        made.encode(squares)
        return IMAGES * GFLOP

    return run


def rates(run: Callable[[], float]) -> tuple[float, float]:
    """Return GFLOP a second and a processor second."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = run()
    return done / (time.perf_counter() - wall), done / (time.process_time() - cpu)


def measured(runs: dict[str, Callable[[], float]], rounds: int) -> Iterator[dict[str, Any]]:
    for run in runs.values():
        run()  # loads, and warms up
    for _ in range(rounds):
        yield {name: rates(run) for name, run in runs.items()}


def report(found: list[dict[str, Any]]) -> None:
    for name in found[0]:
        wall, cpu = (statistics.median(each[name][at] for each in found) for at in (0, 1))
        images = f"{wall / GFLOP:6.1f} img/s {cpu / GFLOP:6.1f} img/cpu-s" if name != "GEMM" else ""
        print(f"{name:6} {wall:7.1f} GFLOP/s {cpu:7.1f} GFLOP/cpu-s  {images}")
    for (label, goal), one, other in zip(
        GOALS.items(), ("fp32", "int8"), ("GEMM", "fp32"), strict=True
    ):
        wall, cpu = (
            statistics.median(each[one][at] / each[other][at] for each in found) for at in (0, 1)
        )
        print(f"{label:14} {wall:5.2f} wall {cpu:5.2f} cpu   goal {goal}")


def report_texts(store: ModelStore, threads: int) -> None:
    """Print how many sentences a second the text encoders of a store do, short and long."""
    rng = np.random.default_rng(2)
    words = ["crane", "harbour", "lifts", "the", "red", "container", "before", "sunrise", "and"]
    for name, model in store.all().items():
        if model.kind != "text-encoder":
            continue
        made = TextEncoder(store, model, Runtime("cpu", threads))
        for length in (24, 200):
            texts = [" ".join(rng.choice(words, length)).encode() for _ in range(48)]
            made.encode(texts[:2])
            wall, cpu = time.perf_counter(), time.process_time()
            made.encode(texts)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(
                f"{name} {length} words: {48 / wall:.0f} texts/s, {1e3 * cpu / 48:.0f} cpu-ms each"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path)
    asked = parser.parse_args()
    if find_spec("onnx") is None:
        print("not measured: building the graph needs onnx; pip install onnx")
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    print(f"onnxruntime {ort.__version__}, numpy {np.__version__}, {asked.threads} threads,"
          f" {GFLOP:.2f} GFLOP an image, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vit(folder / "fp32.onnx")
        quantize_dynamic(
            str(folder / "fp32.onnx"), str(folder / "int8.onnx"),
            weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"],
        )  # fmt: skip
        runs = {
            "GEMM": product(folder / "product.onnx", asked.threads),
            "fp32": encoding(encoder(folder, "fp32", 4, asked.threads)),
            "int8": encoding(encoder(folder, "int8", 1, asked.threads)),
        }
        report(list(measured(runs, asked.rounds)))
    if asked.store:
        report_texts(ModelStore(asked.store), asked.threads)


if __name__ == "__main__":
    main()
