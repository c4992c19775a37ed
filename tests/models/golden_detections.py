"""Make the golden tensors of detections: python -m tests.models.golden_detections

What a graph answers, and what `post_process_object_detection` of transformers makes of it. One set
is drawn, with boxes that leave the picture; the other two are of the real architectures with random
weights, their logits spread. Needs dataflux[export].
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers

from tests.models.architectures import dfine, rtdetr

FOLDER = Path(__file__).parents[1] / "golden/detections"
SEED, THRESHOLD, HEIGHT, WIDTH = 3, 0.5, 480, 640


def answered(name: str) -> tuple[Any, Any]:
    """Return logits and boxes, of one picture."""
    torch.manual_seed(SEED)
    if name == "drawn":
        logits = torch.randn(1, 100, 80) * 2.5 - 7
        boxes = torch.cat([torch.rand(1, 100, 2), torch.rand(1, 100, 2) * 0.6], -1)
        return logits, boxes
    model = {"rtdetr": rtdetr, "dfine": dfine}[name]()
    with torch.no_grad():
        found = model(pixel_values=torch.rand(1, 3, 64, 64))
    spread = (found.logits - found.logits.mean()) / found.logits.std()
    return spread * 2.5 - 7, found.pred_boxes


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    processor = transformers.RTDetrImageProcessor()
    for name in ("drawn", "rtdetr", "dfine"):
        logits, boxes = answered(name)
        answers = SimpleNamespace(logits=logits, pred_boxes=boxes)
        (kept,) = processor.post_process_object_detection(
            answers, threshold=THRESHOLD, target_sizes=[(HEIGHT, WIDTH)]
        )
        np.savez_compressed(
            FOLDER / f"{name}.npz", logits=logits[0].numpy(), boxes=boxes[0].numpy(),
            threshold=THRESHOLD, width=WIDTH, height=HEIGHT, kept_scores=kept["scores"].numpy(),
            kept_labels=kept["labels"].numpy(), kept_boxes=kept["boxes"].numpy(),
        )  # fmt: skip
        print(name, len(kept["scores"]), f"of transformers {transformers.__version__}")


if __name__ == "__main__":
    main()
