"""How findings differ, in numbers."""

from typing import Any

import pytest

from functions.comparison import Seen, compare, likeness


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("snow summit", "snow summit", 1),
        ("abcd", "abxx", 0.5),
        ("", "", 1),
        (1.0, 1.001, 1),
        (1.0, 1.1, 0),
        (True, 1, 1),
        ({"name": "blue", "share": 0.5}, {"name": "blue", "share": 0.9}, 0.5),
        ({"a": 1}, {"b": 1}, 0),
        ({}, {}, 1),
        (["x", "y"], ["y", "z"], 0.5),
        ([], [], 1),
        ("1", 1, 0),
        (None, None, 1),
    ],
)
def test_likeness(a: Any, b: Any, alike: float) -> None:
    assert likeness(a, b) == likeness(b, a) == pytest.approx(alike)


def test_each_output_is_compared_where_it_is() -> None:
    a = {
        "1": Seen({"semantic.topic": "sea"}, {"semantic.topic": 0.5}),
        "2": Seen({"semantic.topic": "sea", "text.spoken": "hello"}),
        "3": Seen(failed="decode_timeout"),
    }
    b = {
        "1": Seen({"semantic.topic": "sea"}, {"semantic.topic": 0.9}),
        "2": Seen({"semantic.topic": "air"}),
        "3": Seen({"semantic.topic": "sea"}),
        "4": Seen({"text.spoken": "new"}),
    }
    topic, spoken = compare(a, b, ["1", "2", "3", "4", "5"])
    assert (topic.output, topic.both, topic.added, topic.removed) == ("semantic.topic", 2, 0, 0)
    assert topic.agreement == pytest.approx((1 + likeness("sea", "air")) / 2, abs=1e-4)
    assert topic.confidence_shift == pytest.approx(0.4)
    assert [(one.segment, one.a, one.b) for one in topic.worst] == [("2", "sea", "air")]
    assert (spoken.both, spoken.added, spoken.removed, spoken.agreement) == (0, 1, 1, None)
    assert [one.segment for one in spoken.worst] == ["2", "4"]
