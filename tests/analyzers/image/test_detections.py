"""Detections: as transformers makes them of the same tensors, and never outside the picture."""

from pathlib import Path

import numpy as np
import pytest

from analyzers.image.detections import of_labels, of_logits

GOLDEN = sorted((Path(__file__).parents[2] / "golden/detections").glob("*.npz"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_they_are_those_of_transformers(path: Path) -> None:
    """The tensors and what transformers makes of them: tests/models/golden_detections.py."""
    golden = np.load(path)
    found = of_logits(golden["logits"], golden["boxes"], float(golden["threshold"]))
    assert len(found) > 3
    assert [thing.kind for thing in found] == golden["kept_labels"].tolist()
    assert [thing.score for thing in found] == pytest.approx(golden["kept_scores"], abs=1e-6)
    sides = np.array([golden["width"], golden["height"]] * 2, np.float32)
    inside = golden["kept_boxes"].clip(0, sides)  # ours end where the picture does
    assert np.array([thing.box for thing in found]) * sides == pytest.approx(inside, abs=1e-3)


def test_one_query_may_be_two_things() -> None:
    logits = np.array([[2.0, 1.0], [-9.0, -9.0]], np.float32)
    boxes = np.array([[0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]], np.float32)
    first, second = of_logits(logits, boxes, 0.5)
    assert (first.kind, second.kind) == (0, 1)
    assert first.box == second.box == pytest.approx((0.4, 0.4, 0.6, 0.6))


def test_what_lies_outside_the_picture_is_cut_off_or_left_out() -> None:
    logits = np.full((3, 1), 3.0, np.float32)
    boxes = np.array([[0.0, 0.5, 0.4, 0.2], [1.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0, 0.1]], np.float32)
    (kept,) = of_logits(logits, boxes, 0.5)
    assert kept.box == pytest.approx((0, 0.4, 0.2, 0.6))


def test_numbers_that_are_none_are_no_things() -> None:
    logits = np.array([[np.nan], [np.inf], [-np.inf]], np.float32)
    boxes = np.array([[0.5] * 4, [np.nan] * 4, [0.5] * 4], np.float32)
    assert of_logits(logits, boxes, 0.5) == []


def test_labels_come_with_corners() -> None:
    labels, scores = np.array([3.0, 1.0, 2.0]), np.array([0.2, 0.6, 0.9], np.float32)
    boxes = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [-0.5, 0, 0.5, 1]], np.float32)
    first, second = of_labels(labels, boxes, scores, 0.5)
    assert (first.kind, first.box) == (2, (0.0, 0.0, 0.5, 1.0))
    assert second.kind == 1
    assert second.box == pytest.approx((0.1, 0.2, 0.3, 0.4))
