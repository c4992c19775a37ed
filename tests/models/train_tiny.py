"""Train the tiny dual encoder that tests use: python -m tests.models.train_tiny

It learns which pictures of shapes a caption is true of (Zhai et al., Sigmoid Loss for Language
Image Pre-Training, 2023), in a few minutes on two cores. It is a fixture and nothing more: a model
that truly discriminates, small enough to lie beside the tests. Needs dataflux[export].
"""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from tests.models.bare import strip
from tests.models.shapes import SIDE, WORDS, Shown, asked_from, draw, drawn_from

FOLDER = Path(__file__).with_name("tiny-dual")
WIDTH, LENGTH, DIMENSIONS = 64, 10, 64
POOL, STEPS, BATCH, SEED = 6_000, 1_500, 96, 7
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]")


class Vision(nn.Module):
    """Four strided convolutions, then where and what on a 4 x 4 grid."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, 24, 48, 64, 64)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, DIMENSIONS))

    def forward(self, pixel_values: Any) -> Any:
        found = self.body(pixel_values)
        both = torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1)
        return functional.normalize(self.head(both), dim=-1)


class Text(nn.Module):
    """Words in their places, one layer of attention, the first place is the result."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(SPECIAL) + len(WORDS), WIDTH)
        self.places = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.02)
        self.asks = nn.Linear(WIDTH, 3 * WIDTH)
        self.head = nn.Sequential(nn.Linear(WIDTH, 128), nn.ReLU(), nn.Linear(128, DIMENSIONS))

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        seen = self.words(input_ids) + self.places[: input_ids.shape[1]]
        query, key, value = self.asks(seen).chunk(3, -1)
        hidden = (1 - attention_mask[:, None, :].float()) * -1e4
        weights = torch.softmax(query @ key.transpose(1, 2) / WIDTH**0.5 + hidden, -1)
        return functional.normalize(self.head((seen + weights @ value)[:, 0]), dim=-1)


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: at for at, word in enumerate((*SPECIAL, *WORDS))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", vocabulary["[CLS]"])]
    )
    return made


def pixels(images: list[Image.Image]) -> Any:
    values = np.stack([np.asarray(image, np.float32) for image in images]) / 255
    scaled = (values - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy())


def tokens(captions: list[str], words: Any) -> tuple[Any, Any]:
    words.enable_truncation(LENGTH)
    words.enable_padding(length=LENGTH)
    found = words.encode_batch(captions)
    ids = torch.tensor([each.ids for each in found])
    return ids, torch.tensor([each.attention_mask for each in found])


def train() -> tuple[Vision, Text, list[float]]:
    torch.manual_seed(SEED)
    rng, words = random.Random(SEED), tokenizer()
    shown = [drawn_from(rng) for _ in range(POOL)]
    images = pixels([draw(each, rng) for each in shown])
    vision, text = Vision(), Text()
    scale, bias = nn.Parameter(torch.tensor(2.3)), nn.Parameter(torch.tensor(-6.0))
    learned = [*vision.parameters(), *text.parameters(), scale, bias]
    optimizer = torch.optim.AdamW(learned, lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, STEPS)
    losses = []
    for _ in range(STEPS):
        chosen = rng.sample(range(POOL), BATCH)
        asked = [asked_from(rng, shown[at]) for at in chosen]
        loss = step(vision, text, (scale, bias), images[chosen], asked,
                    [shown[at] for at in chosen], words, rng)  # fmt: skip
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return vision.eval(), text.eval(), losses


def step(
    vision: Vision, text: Text, learned: tuple[Any, Any], images: Any, asked: list[Shown],
    shown: list[Shown], words: Any, rng: random.Random,
) -> Any:  # fmt: skip
    """Return the sigmoid loss of every caption with every picture."""
    truth = torch.tensor([[a.is_true_of(s) for a in asked] for s in shown])
    captions = text(*tokens([a.caption(rng) for a in asked], words))
    scale, bias = learned
    logits = scale.exp() * vision(images) @ captions.T + bias
    signs = torch.where(truth, 1.0, -1.0)
    return -functional.logsigmoid(signs * logits).sum() / len(shown)


def export(vision: Vision, text: Text) -> None:
    FOLDER.mkdir(exist_ok=True)
    made = tokenizer()
    made.no_padding()
    made.no_truncation()
    made.save(str(FOLDER / "tokenizer.json"))
    many = torch.export.Dim("many", min=1, max=1024)
    long = torch.export.Dim("long", min=2, max=LENGTH)
    picture = torch.zeros(2, 3, SIDE, SIDE)
    ids, mask = (torch.ones(2, 4, dtype=torch.int64) for _ in range(2))
    for module, name, given, axes in (
        (vision, "vision", (picture,), {"pixel_values": {0: many}}),
        (text, "text", (ids, mask), {
            "input_ids": {0: many, 1: long}, "attention_mask": {0: many, 1: long},
        }),
    ):  # fmt: skip
        path = str(FOLDER / f"{name}.onnx")
        torch.onnx.export(
            module, given, path, dynamo=True, dynamic_shapes=axes, external_data=False,
            input_names=list(axes), output_names=["vector"],
        )  # fmt: skip
        strip(Path(path))


def describe(vision: Vision, text: Text) -> dict[str, Any]:
    """Return the manifest, with the cosines of random pairs and of captions that are not true."""
    rng, words = random.Random(SEED + 1), tokenizer()
    shown = [drawn_from(rng) for _ in range(600)]
    asked = [asked_from(rng, each) for each in shown]
    with torch.no_grad():
        seen = vision(pixels([draw(each, rng) for each in shown]))
        said = text(*tokens([a.caption(rng) for a in asked], words))
    pairs = (seen @ seen.T)[torch.triu_indices(600, 600, 1).unbind()]
    truth = torch.tensor([[a.is_true_of(s) for a in asked] for s in shown])
    cosines = seen @ said.T
    true, false = cosines[truth], cosines[~truth][:100_000]
    print(f"true {true.mean():.3f} +- {true.std():.3f}, 5 % below {true.quantile(0.05):.3f}")
    print(f"false {false.mean():.3f} +- {false.std():.3f}, 1 % above {false.quantile(0.99):.3f}")
    match = float((true.quantile(0.05) + false.quantile(0.99)) / 2)
    number = lambda value: round(float(value), 3)  # noqa: E731
    return {
        "name": "tiny-dual", "kind": "dual-encoder", "license": "Apache-2.0",
        "dimensions": DIMENSIONS,
        "image": {"file": "vision.onnx", "size": SIDE, "mean": MEAN, "std": STD},
        "text": {"file": "text.onnx", "length": LENGTH},
        "calibration": {"mean": number(pairs.mean()), "sd": number(pairs.std())},
        "query_calibration": {
            "mean": number(false.mean()), "sd": number(false.std()), "match": number(match),
        },
        "files": ["vision.onnx", "text.onnx", "tokenizer.json"],
    }  # fmt: skip


def main() -> None:
    vision, text, losses = train()
    print("loss", [round(sum(losses[at : at + 100]) / 100, 3) for at in range(0, STEPS, 300)])
    export(vision, text)
    described = describe(vision, text)
    (FOLDER / "model.json").write_text(json.dumps(described, indent=1) + "\n")
    print(sum(path.stat().st_size for path in FOLDER.iterdir()), "bytes")


if __name__ == "__main__":
    main()
