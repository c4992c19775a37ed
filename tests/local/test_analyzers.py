"""`dataflux analyzers list` against a running platform: what is there, and what stands back."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from functions.api.app import create_app
from local import analyzers_commands, cli
from local.client import Client
from tests.fixtures.light import LIGHT
from tests.fixtures.platform import Platform


@pytest.fixture
def run(
    platform: Platform,
    tiny_store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Run a command against an installation whose store has one model."""
    entries, retired = Selection(tiny_store).applied(LIGHT)
    deps = replace(platform.deps, registry=Registry(entries, store=tiny_store, retired=retired))
    headers = {"authorization": f"Bearer {platform.token}"}
    http = TestClient(create_app(deps), base_url="http://127.0.0.1:7", headers=headers)

    @contextmanager
    def connected(home: Path | None = None) -> Iterator[Client]:
        yield Client(cast(Any, http))

    monkeypatch.setattr(analyzers_commands, "connected", connected)

    def running(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["dataflux", "analyzers", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    return running


def test_what_is_written_and_what_is_only_searched(run: Callable[..., str]) -> None:
    items = {item["id"]: item for item in json.loads(run("list", "--json"))["items"]}
    new, old = items["visual-tiny-dual@1"], items["visual-fallback@1"]
    assert (new["state"], new["emits"]) == ("ready", ["visual/tiny-dual@1"])
    assert new["model"].startswith("tiny-dual#")
    assert (old["state"], old["does"]) == ("retired", ["vectors"])
    assert items["image@1"]["does"] == ["segments"]
    assert items["language@1"]["does"] == ["features"]


def test_a_person_sees_a_table(run: Callable[..., str]) -> None:
    out = run("list")
    assert "visual-tiny-dual@1" in out
    assert "retired" in out


def test_costs_are_those_declared_and_those_measured(
    run: Callable[..., str], platform: Platform
) -> None:
    platform.drop("notes.txt", b"Two paragraphs.\n\nThe second one is longer than the first.")
    platform.pump()
    items = {item["id"]: item for item in json.loads(run("list", "--json"))["items"]}
    language, document = items["language@1"], items["document@2"]
    assert language["cost"] == {"cpu_s": 0.001, "per": "segment"}
    assert language["measured"]["units"] == 2
    assert 0 < language["measured"]["cpu_s"] < 1
    assert (document["cost"]["per"], document["measured"]["units"]) == ("page", 1)
    assert items["text-fallback@1"]["measured"]["units"] == 2
    assert items["appearance@1"]["measured"] is None
