"""Functions in processes of their own: the same as in one, and none of them outlives its owner."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from dataflux.clock import Clock, IdFactory, seeded
from events.http import to_binary
from events.samples import sample
from functions.hosts.kafka import POOLED
from tests.e2e.running import emulator

pytestmark = pytest.mark.long

PATIENCE_S = 120.0
LATE_S = 0.2
DRAWN_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOTES = "# Notes\n\nThe lighthouse keeper counts the gulls.\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-e2e-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _wait(reached: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _ids() -> IdFactory:
    """The same names each time: ids do not tell when they were drawn."""
    at = int(DRAWN_AT.timestamp() * 1e9)
    return seeded(20261124, Clock(lambda: at))


def _all_of(parent: psutil.Process) -> list[psutil.Process]:
    return [parent, *parent.children(recursive=True)]


def _gone(processes: Sequence[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, PATIENCE_S)
    assert [process.cmdline()[:5] for process in alive] == []


def test_files_go_through_processes_that_come_back_and_leave_nothing(folder: Path) -> None:
    unkind = ("--chaos", f"delay={LATE_S * 1000:.0f}ms,duplicate=0.2")
    with emulator(folder / "home", "--isolated", *unkind) as running:
        assert set(running.functions) == set(POOLED)
        owner = psutil.Process(running.process.pid)
        (running.inbox / "notes.md").write_text(NOTES)
        found = running.wait_until_done({"notes.md"}, PATIENCE_S)
        assert {asset["status"] for asset in found} == {"completed"}

        (run,) = running.client.get(f"/assets/{found[0]['id']}/trace")["runs"]
        for stage in run["stages"]:
            opened = datetime.fromisoformat(stage["opened_at"])
            for attempt in stage["pieces"][0]["attempts"][:1]:
                began = datetime.fromisoformat(attempt["claimed_at"])
                assert (began - opened).total_seconds() >= LATE_S  # as unkind as in one process

        headers, body = to_binary(sample("segment.embedded"))
        answer = httpx.post(running.functions["relate"], headers=headers, content=body)
        assert answer.status_code == 422  # it is not relate's: as it answers in a cluster
        assert httpx.get(running.functions["relate"]).status_code == 405

        (killed,) = [p for p in owner.children() if _serves(p, "ingest")]
        for process in _all_of(killed):
            process.kill()
        (running.inbox / "more.md").write_text(NOTES + "\nOtters sleep in kelp.\n")
        running.wait_until_done({"more.md"}, PATIENCE_S)

        everything = _all_of(owner)
        owner.kill()
        running.process.wait()
        _gone(everything)


def _serves(process: psutil.Process, function: str) -> bool:
    line = process.cmdline()
    return "--target" in line and line[line.index("--target") + 1] == function
