"""Turns: what the recognizer did with the lines says how the page lies."""

import pytest

from analyzers.text.turns import turn_of, turned_back

WIDE = [[0, 0], [100, 0], [100, 20], [0, 20]]
TALL = [[0, 0], [20, 0], [20, 100], [0, 100]]


@pytest.mark.parametrize(
    ("quads", "upside_down", "turn"),
    [
        ([WIDE, WIDE], 0.0, 0),
        ([WIDE, WIDE], 0.9, 180),
        ([TALL, TALL], 0.1, 90),
        ([TALL, TALL], 1.0, 270),
        ([TALL, WIDE, WIDE], 0.2, 0),
        ([], 0.0, 0),
    ],
)
def test_how_to_turn(quads: list[list[list[float]]], upside_down: float, turn: int) -> None:
    assert turn_of(quads, upside_down) == turn


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_box_is_turned_back(turn: int) -> None:
    """Against a picture with one spot, turned by numpy as the reader turns it."""
    import numpy as np

    spot = np.zeros((40, 60), bool)
    spot[4:10, 30:45] = True

    def box(picture: "np.ndarray[tuple[int, int], np.dtype[np.bool_]]") -> tuple[float, ...]:
        rows, columns = np.nonzero(picture)
        height, width = picture.shape
        return (
            columns.min() / width,
            rows.min() / height,
            (columns.max() + 1) / width,
            (rows.max() + 1) / height,
        )

    left, top, right, bottom = box(np.rot90(spot, turn // 90))
    assert turned_back((left, top, right, bottom), turn) == pytest.approx(box(spot))
