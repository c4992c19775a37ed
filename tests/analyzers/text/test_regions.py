"""Lines into regions: what stands together reads as one, in reading order."""

import random

from analyzers.text.reader import Line
from analyzers.text.regions import blocks, body, confidence, union


def line(text: str, left: float, top: float, width: float = 0.3, height: float = 0.05) -> Line:
    return Line(text, 0.9, (left, top, left + width, top + height))


def texts(lines: list[Line]) -> list[str]:
    return [body(block) for block in blocks(lines)]


def test_lines_under_each_other_are_one_region() -> None:
    assert texts([line("one", 0.1, 0.1), line("two", 0.1, 0.16)]) == ["one\ntwo"]


def test_words_beside_each_other_are_one_line() -> None:
    assert texts([line("right", 0.42, 0.1), line("left", 0.1, 0.105)]) == ["left right"]


def test_far_or_unlike_lines_stay_apart() -> None:
    title, note = line("TITLE", 0.1, 0.1, height=0.15), line("note", 0.1, 0.26)
    foot = line("foot", 0.1, 0.9)
    assert texts([foot, note, title]) == ["TITLE", "note", "foot"]


def test_columns_are_not_mixed() -> None:
    columns = [
        line(f"{c}{n}", x, 0.1 + n * 0.06) for c, x in (("a", 0.05), ("b", 0.6)) for n in range(3)
    ]
    random.Random(7).shuffle(columns)
    assert texts(columns) == ["a0\na1\na2", "b0\nb1\nb2"]


def test_a_line_that_joins_two_blocks_makes_them_one() -> None:
    parts = [line("top", 0.1, 0.1), line("bottom", 0.1, 0.22), line("middle", 0.1, 0.16)]
    assert texts(parts) == ["top\nmiddle\nbottom"]


def test_box_and_confidence_of_a_region() -> None:
    long, short = Line("abcdefghi", 1.0, (0.1, 0.1, 0.5, 0.2)), Line("z", 0.5, (0.2, 0.2, 0.6, 0.3))
    assert union([long, short]) == (0.1, 0.1, 0.6, 0.3)
    assert confidence([long, short]) == 0.95
