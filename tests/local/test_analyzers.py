"""`dataflux analyzers list` against a running platform: what is there, and what stands back."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image
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


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, "PNG")
    return out.getvalue()


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
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        spent = conn.execute("SELECT output -> 'spent' FROM pieces WHERE output ? 'spent'")
        units = {name: one["units"] for (by,) in spent for name, one in by.items()}
        conn.execute(  # some clocks are too coarse for so little
            "UPDATE pieces SET output = jsonb_set(output, '{spent,language@1,cpu_s}', '0.5')"
            " WHERE output -> 'spent' ? 'language@1'"
        )
    assert units == {"document@2": 1, "language@1": 2, "text-fallback@1": 2}
    items = {item["id"]: item for item in json.loads(run("list", "--json"))["items"]}
    language = items["language@1"]
    assert language["cost"] == {"cpu_s": 0.0005, "per": "segment"}
    assert language["measured"] == {"cpu_s": 0.25, "units": 2}
    assert items["appearance@1"]["measured"] is None
    assert "measured 0.25" in " ".join(run("list").split())


def test_one_goes_over_what_is_there_after_saying_what_that_takes(
    run: Callable[..., str], platform: Platform
) -> None:
    platform.drop("notes.txt", b"A few words.")
    platform.drop("red.png", picture())
    platform.pump()
    would = json.loads(run("run", "visual-tiny-dual", "--json", "--dry-run"))
    assert (would["assets"], would["unsuited"], would["started"]) == (1, 1, [])
    assert (would["cpu_s"], would["measured"]) == (0.3, False)
    said = run("run", "visual-tiny-dual", "--dry-run", "--kind", "image")
    assert "visual-tiny-dual@1: 1 of 1 assets" in said
    assert "1 segments in 1 pieces at 0.3 s, as it declares: 0.3 s of CPU time" in said
    done = json.loads(run("run", "visual-tiny-dual", "--json", "--yes"))
    assert len(done["started"]) == 1
    assert "1 are being processed" in run("run", "visual-tiny-dual", "--yes")


def test_two_are_compared(run: Callable[..., str], platform: Platform) -> None:
    platform.drop("notes.txt", b"A few words about the sea.")
    platform.pump()
    found = json.loads(run("diff", "language", "language@1", "--json"))
    assert (found["segments"], found["a"]["id"]) == (1, "language@1")
    said = run("diff", "language", "language@1", "--kind", "document")
    assert "1 segments" in said
    assert "semantic.language" in said


def test_times_are_said_as_people_say_them() -> None:
    said = [analyzers_commands.duration(s) for s in (0.42, 12.3, 99, 300, 7200)]
    assert said == ["0.42 s", "12 s", "99 s", "5 min", "2.0 h"]
