"""What came out of a child is read back as it was, or refused."""

import json
from typing import Any

import pytest

from analyzers import records
from analyzers.api import AnalysisResult, Artifact, Range, Segment, Text
from dataflux.errors import MediaFailed
from schemas.names import Reason

SEGMENT = Segment(
    "paragraph",
    {"page": 2, "char": [10, 400], "xywh": [1.5, 2, 30, 4]},
    {"page": 2},
    key="p2",
    parent="page2",
    confidence=0.5,
    texts=[Text("written", "Wörter 😀", "de", 0.9)],
    features={"technical": {"size": {"n": [1, None, True, {"deep": "x"}]}}},
)


def crossed(raw: dict[str, Any]) -> Any:
    return json.loads(json.dumps(raw))


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the segment as JSON with one part of it replaced."""
    raw: dict[str, Any] = crossed(records.segment_to_dict(SEGMENT))
    *parents, last = path.split(".")
    place: Any = raw
    for name in parents:
        place = place[int(name) if name.isdigit() else name]
    place[last] = value
    return raw


def test_a_segment_comes_back() -> None:
    assert records.segment_from_dict(crossed(records.segment_to_dict(SEGMENT))) == SEGMENT


def test_a_result_comes_back() -> None:
    result = AnalysisResult(
        {"visual": {"colors": ["red"]}},
        {"visual": {"colors": 0.7}},
        [Text("spoken", "hello")],
        [SEGMENT],
        0.25,
        "model",
    )
    assert records.result_from_dict(crossed(records.result_to_dict(result))) == result


def test_an_artifact_and_a_range_come_back() -> None:
    artifact = Artifact("keyframe", "image/jpeg", b"\xff", "scene@0", {"width": 3})
    assert records.artifact_from_dict(crossed(records.artifact_to_dict(artifact)), b"\xff") == (
        artifact
    )
    piece = Range("time", 0, 9.5)
    assert records.range_from_list(crossed({"r": records.range_to_list(piece)})["r"]) == piece


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "../../etc"),
        ("type", None),
        ("key", ""),
        ("key", "\0"),
        ("key", "k" * 201),
        ("parent", 3),
        ("confidence", 1.01),
        ("confidence", float("nan")),
        ("confidence", True),
        ("start", []),
        ("start.page", -1),
        ("start.page", "2"),
        ("start.page", float("inf")),
        ("start.path", 1),
        ("start.xywh", [1, 2, 3]),
        ("start.char", [1, 2, 3]),
        ("texts", {}),
        ("texts.0.source", "overheard"),
        ("texts.0.body", None),
        ("texts.0.body", "x" * 1_000_001),
        ("texts.0.language", "x" * 21),
        ("features", None),
        ("features.magic", {}),
        ("features.technical", [1]),
        ("features.technical.size", float("inf")),
        ("features.technical.size", {"k" * 201: 1}),
    ],
)
def test_a_segment_that_is_none_is_refused(path: str, value: Any) -> None:
    with pytest.raises(MediaFailed) as failed:
        records.segment_from_dict(changed(path, value))
    assert failed.value.reason is Reason.ANALYZER_INVALID_OUTPUT


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"type": "scene"}])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    for read in (records.segment_from_dict, records.result_from_dict):
        with pytest.raises(MediaFailed):
            read(raw)


@pytest.mark.parametrize(
    "raw", [["time", 2, 1], ["time", -1, 1], ["time", 0, float("inf")], ["days", 0, 1], ["time"], 3]
)
def test_a_range_that_is_none_is_refused(raw: Any) -> None:
    with pytest.raises(MediaFailed):
        records.range_from_list(raw)


@pytest.mark.parametrize(
    ("kind", "mime"), [("../x", "image/png"), ("x", "text/html; x"), ("x", "png"), ("X", "a/b")]
)
def test_an_artifact_cannot_choose_its_place(kind: str, mime: str) -> None:
    with pytest.raises(MediaFailed):
        records.artifact_from_dict(
            {"kind": kind, "mime": mime, "segment": None, "metadata": {}}, b""
        )


def test_what_no_store_can_hold_is_left_out() -> None:
    raw = changed("features.technical.size", {"a\0b": "c\ud800d", "n": 10**400 // 10**110, "i": 7})
    found = records.segment_from_dict(raw).features["technical"]["size"]
    assert found == {"ab": "cd", "n": 1e290, "i": 7}
    assert isinstance(found["n"], float)
