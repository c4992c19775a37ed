"""The generated schemas are in step, valid, and say what the code says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource, Specification

from dataflux.clock import Clock, seeded
from events import codec, generate
from events.samples import LINEAGE, sample
from events.topics import TOPICS, topic_of
from events.types import TYPES
from functions import letters
from functions.facts import About, Announcer
from functions.replay import again
from functions.work import Fact
from schemas.names import Lane

BASE = "https://dataflux.test/"
FILES = {name: json.loads(body) for name, body in generate.files().items()}


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_committed_files_are_in_step() -> None:
    assert generate.stale(generate.FOLDER, generate.files()) == []


def test_two_runs_write_the_same_bytes() -> None:
    code = "import sys; from events.generate import files; sys.stdout.write(repr(files()))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            cwd=generate.FOLDER.parent,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {repr(generate.files()).encode()}


def test_check_names_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    assert capsys.readouterr().err == ""
    (tmp_path / "json/timer.tick.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    (tmp_path / "json/of.old.json").write_text("{}")
    assert generate.main(["--check"], tmp_path) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in told] == [
        "schemas/asyncapi.json",
        "schemas/json/of.old.json",
        "schemas/json/timer.tick.json",
    ]
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    assert not (tmp_path / "json/of.old.json").exists()


def test_other_arguments_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--chek"], tmp_path) == 2
    assert "usage" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(n for n in FILES if n.startswith("json/")))
def test_every_schema_is_json_schema_2020_12(name: str) -> None:
    assert FILES[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(FILES[name])


@pytest.mark.parametrize("name", sorted(TYPES))
def test_samples_satisfy_their_schemas(name: str) -> None:
    event = codec.to_dict(sample(name))
    _validator(FILES["json/envelope.json"]).validate(event)
    schema = _validator(FILES[f"json/{name}.json"])
    schema.validate(event["data"])
    with pytest.raises(ValidationError):
        schema.validate({})


@pytest.mark.parametrize(
    "change", [{"id": ""}, {"specversion": "0.3"}, {"Name": "x"}, {"data": 1}, {"extra": 1}]
)
def test_a_bad_envelope_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _validator(FILES["json/envelope.json"]).validate(
            {**codec.to_dict(sample("timer.tick")), **change}
        )


def test_the_extensions_that_are_described_are_those_that_are_sent() -> None:
    announcer = Announcer(Clock(), seeded(1))
    about = About("test", LINEAGE, LINEAGE, LINEAGE, Lane.HIGH, sample("timer.tick"))
    sent = announcer.fact(Fact("timer.tick", {"timer": "x"}), about)
    replayed = again(sent, announcer.clock, announcer.ids)
    assert {*replayed.extensions, letters.ONLY} == set(generate.EXTENSIONS)


def test_there_is_a_channel_for_each_topic() -> None:
    channels = FILES["asyncapi.json"]["channels"]
    assert {n: (c["x-partitions"], c["x-key"]) for n, c in channels.items()} == {
        name: (topic.partitions, topic.key) for name, topic in TOPICS.items()
    }
    for name in TYPES:
        assert name in channels[topic_of(sample(name))]["messages"]


def test_every_reference_of_the_description_leads_somewhere() -> None:
    document = FILES["asyncapi.json"]
    assert document["asyncapi"] == "3.0.0"
    resources = [
        (f"{BASE}{name}", Resource.from_contents(body, default_specification=Specification.OPAQUE))
        for name, body in FILES.items()
    ]
    registry: Registry[Any] = Registry().with_resources(resources)
    resolver = registry.resolver(f"{BASE}asyncapi.json")
    found = list(_references(document))
    assert len(found) > len(TYPES)
    assert all(resolver.lookup(reference).contents for reference in found)


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [r for item in node for r in _references(item)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return here + [r for item in node.values() for r in _references(item)]
