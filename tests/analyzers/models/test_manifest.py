"""The catalogue says everything about its models; a bad manifest is refused with every mistake."""

import json
import re
from typing import Any

import pytest

from analyzers.models.catalog import catalog
from analyzers.models.manifest import OPEN_LICENSES, Model, read
from dataflux.errors import Invalid

FILE = {"path": "model.onnx", "sha256": "0" * 64, "size": 3}
TOKENIZER = {**FILE, "path": "tokenizer.json"}
TEXT = {"file": "model.onnx", "length": 16}
GOOD: dict[str, Any] = {
    "name": "mine",
    "kind": "text-encoder",
    "license": "MIT",
    "files": [FILE, TOKENIZER],
    "dimensions": 8,
    "text": TEXT,
}


def parsed(**changes: Any) -> Model:
    return read(json.dumps({**GOOD, **changes}).encode(), "model.json")


def test_every_entry_can_be_pulled_and_names_its_terms() -> None:
    assert {model.kind for model in catalog().values()} == {
        "text-encoder", "dual-encoder", "speech", "detector", "face-detector",
    }  # fmt: skip
    for model in catalog().values():
        assert model.license in OPEN_LICENSES
        assert model.card is not None
        for file in model.files:
            assert file.url is not None
            assert file.url.startswith("https://")
            revision = file.url.split("/resolve/")[1].split("/")[0]
            assert len(revision) == 40, "a branch moves; a commit does not"


def test_the_same_checksum_has_the_same_size_everywhere() -> None:
    sizes: dict[str, set[int]] = {}
    for model in catalog().values():
        for file in model.files:
            sizes.setdefault(file.sha256, set()).add(file.size)
    assert all(len(each) == 1 for each in sizes.values())


def test_a_space_names_the_model_and_its_generation() -> None:
    assert parsed().space == "text/mine@1"
    assert parsed(generation="2b").space == "text/mine@2b"
    assert catalog()["clip-vit-b32"].space == "visual/clip-vit-b32@1"


def test_results_name_the_bytes_of_the_model() -> None:
    assert re.fullmatch(r"mine#[0-9a-f]{8}", parsed().label)
    changed = {**FILE, "sha256": "1" * 64}
    assert parsed(files=[changed, TOKENIZER]).label != parsed().label
    assert parsed(files=[TOKENIZER, FILE]).label == parsed().label


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "../mine"}, "name"),
        ({"kind": "oracle"}, "kind"),
        ({"license": ""}, "license"),
        ({"files": []}, "files"),
        ({"files": [{**FILE, "path": "../secret"}]}, "files.0.path"),
        ({"files": [{**FILE, "path": "/etc/passwd"}]}, "files.0.path"),
        ({"files": [{**FILE, "path": "a/./b"}]}, "files.0.path"),
        ({"files": [{**FILE, "sha256": "abc"}]}, "files.0.sha256"),
        ({"files": [{**FILE, "url": "file:///etc/passwd"}]}, "files.0.url"),
        ({"dimensions": None}, "must say its dimensions"),
        ({"kind": "dual-encoder"}, "must say its image"),
        ({"text": {**TEXT, "file": "other.onnx"}}, "files lacks other.onnx"),
        ({"files": [FILE, FILE, TOKENIZER]}, "a path twice"),
        ({"oracle": 1}, "oracle"),
    ],
)
def test_a_bad_manifest_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=r"model\.json is no manifest") as caught:
        parsed(**changes)
    assert named in str(caught.value)
