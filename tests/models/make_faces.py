"""Make the tiny model that tests use in the place of YuNet: python -m tests.models.make_faces

It has YuNet's input and outputs, and weights made up so that what is red counts as a face: enough
to compare how its answers are read with OpenCV's FaceDetectorYN. Needs dataflux[export].
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from analyzers.image.yunet import STRIDES

FOLDER = Path(__file__).with_name("tiny-faces")
SIDE, SEED = 160, 5


class Faces(nn.Module):
    """Redness is objectness; boxes and landmarks are drawn from the colours around."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(SEED)
        self.boxes = nn.ModuleList(nn.Conv2d(3, 4, 1) for _ in STRIDES)
        self.marks = nn.ModuleList(nn.Conv2d(3, 10, 1) for _ in STRIDES)

    def forward(self, picture: Any) -> tuple[Any, ...]:
        kinds, things, boxes, marks = [], [], [], []
        for at, stride in enumerate(STRIDES):
            colors = functional.avg_pool2d(picture, stride) / 255  # blue, green, red
            red = colors[:, 2:] - (colors[:, :1] + colors[:, 1:2]) / 2
            kinds.append(_flat(1 - 0.3 * colors[:, 1:2]))
            things.append(_flat(1.2 * red))
            boxes.append(_flat(self.boxes[at](colors)) + torch.tensor([0.5, 0.5, 0.7, 0.7]))
            marks.append(_flat(self.marks[at](colors)))
        return (*kinds, *things, *boxes, *marks)


def _flat(found: Any) -> Any:
    return found.flatten(2).transpose(1, 2)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    names = [f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
    torch.onnx.export(
        Faces().eval(), (torch.zeros(1, 3, SIDE, SIDE),), str(FOLDER / "model.onnx"), dynamo=False,
        opset_version=12, input_names=["input"], output_names=names,
    )  # fmt: skip
    manifest = {
        "name": "tiny-faces", "kind": "face-detector", "license": "Apache-2.0",
        "image": {
            "file": "model.onnx", "size": SIDE, "resize": "pad", "filter": "bilinear",
            "mean": [0, 0, 0], "std": [1 / 255] * 3,
        },
        "objects": {"labels": ["face"], "answers": "yunet", "threshold": 0.6}, "batch": 1,
        "files": ["model.onnx"],
    }  # fmt: skip
    (FOLDER / "model.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
