"""States: saved and loaded while the emulator runs; what fails changes nothing."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dataflux.errors import Invalid, NotFound
from dataflux.settings import Settings
from local import states
from tests.e2e.running import Emulator, emulator


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="dataflux-test-") as name:
        yield Path(name)


def state(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "state", *arguments, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names(running: Emulator) -> set[str]:
    return {asset["filename"] for asset in running.client.get("/assets")["items"]}


def found(running: Emulator, query: str) -> list[str]:
    hits = running.client.post("/search", json={"query": query})["hits"]
    return [hit["address"] for hit in hits]


def test_a_state_is_saved_and_loaded_while_it_runs(home: Path) -> None:
    with emulator(home) as running:
        (running.inbox / "otters.md").write_text("# Otters\n\nOtters sleep in kelp.\n")
        running.wait_until_done({"otters.md"})
        before = found(running, "otters")
        assert before
        assert state(home, "save", "demo").returncode == 0
        (running.inbox / "gulls.md").write_text("# Gulls\n\nGulls watch the harbour.\n")
        running.wait_until_done({"otters.md", "gulls.md"})
        (running.inbox / "gulls.md").unlink()
        assert state(home, "load", "demo").returncode == 0
        assert names(running) == {"otters.md"}  # at the same address, with the same token
        assert found(running, "otters") == before
        assert found(running, "gulls") == []
        facts = running.client.get("/events", type="asset.processing_completed")["items"]
        assert len(facts) == 1
        (running.inbox / "badgers.md").write_text("# Badgers\n\nBadgers dig setts.\n")
        running.wait_until_done({"otters.md", "badgers.md"})
        assert found(running, "badgers")
        _break(home)
        broken = state(home, "load", "demo")
        assert (broken.returncode, "psql failed" in broken.stderr) == (1, True)
        assert names(running) == {"otters.md", "badgers.md"}
        assert state(home, "load", "nowhere").returncode == 4
        assert state(home, "save", "../up").returncode == 2
        _drop_everything(home, running)
        assert running.stop() == 0
    (listed,) = json.loads(state(home, "list", "--json").stdout)
    assert listed["name"] == "demo"


def _drop_everything(home: Path, running: Emulator) -> None:
    for path in running.inbox.iterdir():
        path.unlink()
    assert state(home, "reset").returncode == 1  # nobody can be asked
    assert state(home, "reset", "--yes").returncode == 0
    told = json.loads((home / "run.json").read_text())
    assert told["url"] == running.url
    token = (home / "token").read_text().strip()
    answer = httpx.get(f"{running.url}/api/v1/status", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["assets"] == {}


def _break(home: Path) -> None:
    with (home / "states/demo/records.sql").open("a") as records:
        records.write("SELECT no_such_function();\n")


def test_only_names_that_were_saved_are_loaded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(NotFound, match="there are: none"):
        states.load(settings, "demo")
    for name in ("", "../up", "a/b", ".hidden", "Ä"):
        with pytest.raises(Invalid, match="no name of a state"):
            states.save(settings, name)


def test_what_is_kept_elsewhere_is_not_saved(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, records="postgresql://elsewhere/")
    with pytest.raises(Invalid, match="DATAFLUX_RECORDS is not embedded"):
        states.save(settings, "demo")
