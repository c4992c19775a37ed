"""Train the tiny detector that tests use: python -m tests.models.train_detector

It finds shapes and answers as D-FINE and RT-DETR do: logits and boxes of a fixed number of
queries, here the cells of a grid, each naming the shape whose middle lies in it (Zhou et al.,
Objects as Points, 2019). A fixture and nothing more: a model that truly detects, small enough to
lie beside the tests. Takes some minutes on two cores; needs dataflux[export].
"""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.models.bare import strip
from tests.models.scenes import Scene, scene
from tests.models.shapes import SHAPES

FOLDER = Path(__file__).with_name("tiny-objects")
SIDE, STRIDE = 128, 8
CELLS = SIDE // STRIDE
POOL, STEPS, BATCH, SEED = 3_000, 1_400, 32, 11
LOWEST = -8.0
"""The logit of a cell beside a stronger one: so no query says again what another has said."""


class Detector(nn.Module):
    """Strided convolutions to a grid, wide ones on it, then what and where in each cell."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((3, 16, 32, 64)):
            layers += [*self._layer(before, after, 2), *self._layer(after, after, 1)]
        for spread in (1, 2, 4):
            layers += self._layer(64, 64, 1, spread)
        self.body = nn.Sequential(*layers)
        self.what = nn.Conv2d(64, len(SHAPES), 1)
        self.where = nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.what.bias, -4.0)
        at = (torch.arange(CELLS) + 0.5) / CELLS
        down, across = torch.meshgrid(at, at, indexing="ij")
        self.register_buffer("middles", torch.stack([across, down]))

    @staticmethod
    def _layer(before: int, after: int, stride: int, spread: int = 1) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, 3, stride, spread, spread, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]

    def seen(self, pixel_values: Any) -> tuple[Any, Any]:
        """Return logits (n, shapes, cells, cells) and boxes (n, 4, cells, cells)."""
        found = self.body(pixel_values)
        where = self.where(found)
        middles = self.middles + (where[:, :2].sigmoid() * 2 - 1) / CELLS
        return self.what(found), torch.cat([middles, where[:, 2:].sigmoid()], 1)

    def forward(self, pixel_values: Any) -> tuple[Any, Any]:
        logits, boxes = self.seen(pixel_values)
        strongest = logits.amax(1, keepdim=True)
        peak = strongest >= functional.max_pool2d(strongest, 3, 1, 1)
        logits = torch.where(peak, logits, torch.full_like(logits, LOWEST))
        return logits.flatten(2).transpose(1, 2), boxes.flatten(2).transpose(1, 2)


def pixels(scenes: list[Scene]) -> Any:
    """Return pictures as the manifest says: stretched, from 0 to 1, not normalized."""
    small = [np.asarray(each.image.resize((SIDE, SIDE), 2), np.float32) for each in scenes]
    return torch.from_numpy(np.stack(small).transpose(0, 3, 1, 2) / np.float32(255))


def targets(scenes: list[Scene]) -> tuple[Any, Any, Any]:
    """Return which shape has its middle in which cell, how near each cell is to one, and boxes."""
    heat = torch.zeros(len(scenes), len(SHAPES), CELLS, CELLS)
    boxes = torch.zeros(len(scenes), 4, CELLS, CELLS)
    mask = torch.zeros(len(scenes), 1, CELLS, CELLS)
    rows = torch.arange(CELLS)
    for number, each in enumerate(scenes):
        for thing in each.things:
            left, top, right, bottom = thing.box
            x, y = (left + right) / 2 * CELLS, (top + bottom) / 2 * CELLS
            column, row = int(x), int(y)
            away = (rows[None, :] - column) ** 2 + (rows[:, None] - row) ** 2
            near = torch.exp(-away / (2 * (0.15 * (right - left) * CELLS + 0.3) ** 2))
            kind = SHAPES.index(thing.shape)
            heat[number, kind] = torch.maximum(heat[number, kind], near)
            for dy, dx in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
                if 0 <= row + dy < CELLS and 0 <= column + dx < CELLS:
                    boxes[number, :, row + dy, column + dx] = torch.tensor(
                        [x / CELLS, y / CELLS, right - left, bottom - top]
                    )
                    mask[number, :, row + dy, column + dx] = 1.0
    return heat, boxes, mask


def loss_of(logits: Any, boxes: Any, wanted: tuple[Any, Any, Any]) -> Any:
    heat, where, mask = wanted
    share = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = heat.eq(1).float()
    focal = -hit * (1 - share) ** 2 * share.log()
    focal = focal - (1 - hit) * (1 - heat) ** 4 * share**2 * (1 - share).log()
    apart = (functional.l1_loss(boxes, where, reduction="none") * mask).sum() / mask.sum()
    return focal.sum() / hit.sum() + 20 * apart


def turned(images: Any, wanted: tuple[Any, Any, Any]) -> tuple[Any, tuple[Any, Any, Any]]:
    """Return a batch mirrored left to right: a picture of shapes is as good that way."""
    heat, boxes, mask = (each.flip(-1) for each in wanted)
    mirrored = boxes.clone()
    mirrored[:, 0] = torch.where(mask[:, 0] > 0, 1 - boxes[:, 0], boxes[:, 0])
    return images.flip(-1), (heat, mirrored, mask)


def train() -> Detector:
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    scenes = [scene(rng) for _ in range(POOL)]
    images, wanted = pixels(scenes), targets(scenes)
    model = Detector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, STEPS)
    for step in range(STEPS):
        chosen = rng.sample(range(POOL), BATCH)
        batch, aims = images[chosen], tuple(each[chosen] for each in wanted)
        if rng.random() < 0.5:
            batch, aims = turned(batch, (aims[0], aims[1], aims[2]))
        loss = loss_of(*model.seen(batch), (aims[0], aims[1], aims[2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(step, round(loss.item(), 3), flush=True)
    model.eval()
    return model


def manifest() -> dict[str, Any]:
    return {
        "name": "tiny-objects", "kind": "detector", "license": "Apache-2.0",
        "image": {
            "file": "model.onnx", "size": SIDE, "resize": "squash", "filter": "bilinear",
            "mean": [0, 0, 0], "std": [1, 1, 1],
        },
        "objects": {"labels": SHAPES, "threshold": 0.4},
        "files": ["model.onnx"],
    }  # fmt: skip


def main() -> None:
    model = train()
    FOLDER.mkdir(exist_ok=True)
    torch.onnx.export(
        model, (torch.zeros(2, 3, SIDE, SIDE),), str(FOLDER / "model.onnx"), dynamo=True,
        dynamic_shapes={"pixel_values": {0: torch.export.Dim("many", min=1, max=64)}},
        external_data=False, input_names=["pixel_values"], output_names=["logits", "pred_boxes"],
    )  # fmt: skip
    strip(FOLDER / "model.onnx")
    (FOLDER / "model.json").write_text(json.dumps(manifest(), indent=1) + "\n")
    print(sum(path.stat().st_size for path in FOLDER.iterdir()), "bytes")


if __name__ == "__main__":
    main()
