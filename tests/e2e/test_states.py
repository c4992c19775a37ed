"""A state is saved and loaded while the emulator runs: it goes on at the same address."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Emulator, emulator

pytestmark = pytest.mark.long


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
        assert state(home, "load", "nowhere").returncode == 4
        assert state(home, "save", "../up").returncode == 2
        assert running.stop() == 0
