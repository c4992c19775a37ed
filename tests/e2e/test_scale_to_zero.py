"""Functions that have nothing to do are not there; the next event brings them back."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.waterfall import lines
from tests.e2e.running import Emulator, emulator

pytestmark = pytest.mark.long

PATIENCE_S = 120.0
STEPS = ("ingest", "segment", "stitch", "analyze", "embed", "project", "relate")
NOTES = "# Notes\n\nThe lighthouse keeper counts the gulls.\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-cold-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def serving(owner: psutil.Process) -> set[str]:
    """Return which functions have a process."""
    found = set()
    for process in owner.children(recursive=True):
        try:
            line = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if "functions_framework" in line:
            found.add(line[line.index("--target") + 1])
    return found & set(STEPS)


def _wait(reached: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _attempts(running: Emulator, name: str) -> dict[str, dict[str, Any]]:
    """Return the first attempt of each stage of a file, and what is printed of it."""
    (asset,) = [a for a in running.wait_until_done({name}, PATIENCE_S) if a["filename"] == name]
    assert asset["status"] == "completed"
    (run,) = running.client.get(f"/assets/{asset['id']}/trace")["runs"]
    assert "for a cold start" in "\n".join(lines(run))
    return {stage["stage"]: stage["pieces"][0]["attempts"][0] for stage in run["stages"]}


def test_functions_without_work_are_stopped_and_a_trace_shows_their_starts(folder: Path) -> None:
    with emulator(folder / "home", "--isolated", "--scale-to-zero", "2s") as running:
        owner = psutil.Process(running.process.pid)
        assert serving(owner) == set()
        for name, text in (("notes.md", NOTES), ("more.md", NOTES + "\nOtters sleep.\n")):
            (running.inbox / name).write_text(text)
            _wait(lambda: serving(owner), "no event has started a function")
            for stage, attempt in _attempts(running, name).items():
                if stage != "embed_text":  # embed may still be there
                    assert attempt["cold_s"] > 0, stage
            _wait(lambda: not serving(owner), "functions are there without work")
        assert running.stop() == 0
