"""Write a CLIP of open_clip as ONNX models for the store, and verify them against it.

    python -m analyzers.export.open_clip ViT-B-32 OUT --pretrained weights.safetensors

OUT is then a model store with three models, of 32, 16 and 8 bits; `dataflux models add NAME --from`
takes one into another store.
Nothing is downloaded: `--pretrained` is a file; without it the weights are random, which proves the
export and not the model. Needs dataflux[export].
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzers.embedding import pixels
from analyzers.embedding.encoders import PictureEncoder
from analyzers.export.bpe import tokenizer_of
from analyzers.models.brought import own
from analyzers.models.manifest import Model, Pixels
from analyzers.models.store import MANIFEST, ModelStore
from analyzers.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, Any]

LEAST_COSINE = {"fp32": 0.999, "fp16": 0.999, "int8": 0.99}
MOST_OFF = 1e-5
"""How far a prepared pixel may be from open_clip's: rounding of float32."""
SAMPLES, SEED = 24, 5
CAPTIONS = (
    "a photo of a dog", "Two people are dancing, aren't they?", "ein rotes Haus am See",
    "snow", "  white   space ", "日本語の文章", "1234 5,678.90", "x" * 60,
    "a long caption " * 20,
)  # fmt: skip
"""They fit into the 77 tokens: of a longer text we take the mean of its windows."""


def export(name: str, folder: Path, pretrained: str | None, terms: str) -> dict[str, Any]:
    """Write the three models and return what was measured; raise ValueError if one is not it."""
    import open_clip
    import torch

    torch.manual_seed(SEED)
    model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    simple = open_clip.get_tokenizer(name)
    if not hasattr(simple, "bpe_ranks"):
        raise ValueError(f"{name} has a tokenizer of its own; only open_clip's BPE is exported")
    model.eval()
    described = {**describe(name, model), "license": terms}
    full = folder / described["name"]
    graphs(model, described, full)
    found: dict[str, Any] = {"preprocessing": off_by(preprocess, Pixels(**described["image"]))}
    for precision, convert in CONVERT.items():
        place = folder / f"{described['name']}-{precision}" if convert else full
        place.mkdir(parents=True, exist_ok=True)
        for part in ("vision.onnx", "text.onnx"):
            if convert:
                convert(full / part, place / part)
        exported = finish(place, described, precision, tokenizer_of(simple))
        found[precision] = compare(exported, ModelStore(folder), model, preprocess, simple)
    return found


def describe(name: str, model: Any) -> dict[str, Any]:
    """Return the manifest without its files; the steps are read from open_clip's transform."""
    how = model.visual.preprocess_cfg
    if how.get("resize_mode", "shortest") not in ("shortest", "squash"):
        raise ValueError(f"{name} resizes by {how['resize_mode']}: unknown here")
    if how.get("interpolation", "bicubic") != "bicubic":
        raise ValueError(f"{name} resizes by {how['interpolation']}, not bicubic")
    squash = how.get("resize_mode") == "squash"
    return {
        "name": "open-clip-" + name.lower().replace("/", "-"),
        "kind": "dual-encoder",
        "dimensions": model.visual.output_dim,
        "image": {
            "file": "vision.onnx",
            "size": max(model.visual.image_size),
            "resize": "squash" if squash else "crop",
            "mean": how["mean"],
            "std": how["std"],
        },
        "text": {"file": "text.onnx", "length": model.context_length, "fixed": True},
    }


def graphs(model: Any, described: Mapping[str, Any], folder: Path) -> None:
    """Write both towers with their batch left open."""
    import torch

    class Vision(torch.nn.Module):
        def forward(self, pixel_values: Any) -> Any:
            return model.encode_image(pixel_values, normalize=True)

    class Text(torch.nn.Module):
        def forward(self, input_ids: Any) -> Any:
            return model.encode_text(input_ids, normalize=True)

    folder.mkdir(parents=True, exist_ok=True)
    size, length = described["image"]["size"], described["text"]["length"]
    for tower, part, given in (
        (Vision(), "vision", torch.zeros(2, 3, size, size)),
        (Text(), "text", torch.ones(2, length, dtype=torch.int64)),
    ):
        name = "pixel_values" if part == "vision" else "input_ids"
        tower.model = model
        torch.onnx.export(
            tower.eval(), (given,), str(folder / f"{part}.onnx"), dynamo=True,
            dynamic_shapes={name: {0: torch.export.Dim("many", min=1, max=1024)}},
            input_names=[name], output_names=["vector"], external_data=False,
        )  # fmt: skip


def to_int8(source: Path, target: Path) -> None:
    """Quantize the weights of matrices by channel; their inputs are quantized as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source), str(target), weight_type=QuantType.QInt8, per_channel=True,
        op_types_to_quantize=["MatMul"],
    )  # fmt: skip


def to_fp16(source: Path, target: Path) -> None:
    """Halve everything but the input and the output."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(str(source)), keep_io_types=True), str(target))


CONVERT: Mapping[str, Callable[[Path, Path], None] | None] = {
    "fp32": None,
    "int8": to_int8,
    "fp16": to_fp16,
}


def finish(place: Path, described: Mapping[str, Any], precision: str, tokenizer: Any) -> Model:
    """Add tokenizer and manifest: the folder is then one of a model store."""
    tokenizer.save(str(place / "tokenizer.json"))
    complete = {
        **described,
        "name": place.name,
        "files": ["vision.onnx", "text.onnx", "tokenizer.json"],
        "batch": 1 if precision == "int8" else 8,
    }
    (place / MANIFEST).write_text(json.dumps(complete))
    made = own(place.name, place)
    (place / MANIFEST).write_text(made.model_dump_json(indent=1, exclude_none=True) + "\n")
    return made


@cache
def pictures() -> tuple["Image", ...]:
    """Return pictures of many shapes, smooth and rough."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(SEED)
    made = []
    for _ in range(SAMPLES):
        rough = Image.fromarray(rng.integers(0, 256, (*rng.integers(2, 60, 2), 3), np.uint8))
        size = int(rng.integers(60, 1280)), int(rng.integers(60, 1280))
        made.append(rough.resize(size, Image.Resampling.BICUBIC))
    return tuple(made)


def off_by(preprocess: Any, how: Pixels) -> float:
    """Return the largest difference between our prepared pixels and open_clip's."""
    import numpy as np

    theirs = np.stack([np.asarray(preprocess(image)) for image in pictures()])
    ours = pixels.normalized([pixels.prepared(image, how) for image in pictures()], how)
    return float(np.abs(ours - theirs).max())


def compare(
    exported: Model, store: ModelStore, model: Any, preprocess: Any, simple: Any
) -> dict[str, float]:
    """Return the least cosines of our vectors with open_clip's, of pictures and of captions."""
    import numpy as np
    import torch

    encoder = PictureEncoder(store, exported, Runtime("cpu", 2))
    assert exported.image is not None
    squares = [pixels.prepared(image, exported.image) for image in pictures()]
    with torch.no_grad():
        seen = model.encode_image(torch.stack([preprocess(i) for i in pictures()]), normalize=True)
        said = model.encode_text(simple(list(CAPTIONS)), normalize=True)
    ours = [encoder.embed_query(caption) for caption in CAPTIONS]
    asked = np.array([found.vector for found in ours if found is not None])
    return {
        "image": float((np.array(encoder.encode(squares)) * seen.numpy()).sum(1).min()),
        "text": float((asked * said.numpy()).sum(1).min()),
    }


def failures(found: Mapping[str, Any]) -> list[str]:
    """Return what an export does not reach."""
    missed = [
        f"{precision} {part}: cosine {found[precision][part]:.4f}, at least {least}"
        for precision, least in LEAST_COSINE.items()
        for part in ("image", "text")
        if found[precision][part] < least
    ]
    off = found["preprocessing"]
    return missed + ([f"preprocessing is off by {off}"] if off > MOST_OFF else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="as open_clip calls it: ViT-B-32")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pretrained", help="a file of weights")
    parser.add_argument("--license", default="unknown", help="SPDX name of the weights' licence")
    asked = parser.parse_args()
    found = export(asked.name, asked.folder, asked.pretrained, asked.license)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    missed = failures(found)
    sys.stderr.write("".join(f"{line}\n" for line in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
