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
from dataflux.settings import Settings
from events.http import to_binary
from events.samples import sample
from functions.targets import TARGETS
from local import demo_media
from local.emulator import emulator as in_this_process
from local.modes import Mode
from tests import canonical
from tests.e2e.running import emulator

pytestmark = pytest.mark.long

PATIENCE_S = 120.0
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
    with emulator(folder / "home", "--isolated") as running:
        assert set(running.functions) == {target.name for target in TARGETS}
        owner = psutil.Process(running.process.pid)
        (running.inbox / "notes.md").write_text(NOTES)
        found = running.wait_until_done({"notes.md"}, PATIENCE_S)
        assert {asset["status"] for asset in found} == {"completed"}

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


@pytest.mark.services  # some minutes on two processors: every function loads its own decoders
def test_functions_apart_do_what_functions_together_do(folder: Path) -> None:
    """The same media, ids and clock: what is there in the end is identical, to the last id."""
    media = folder / "media"
    media.mkdir()
    demo_media.make(media, None)
    (media / "notes.md").write_text(NOTES)
    apart, together = (_kept(folder / f"{n}", media, isolated=bool(n)) for n in (1, 0))
    canonical.check_settled(apart)
    canonical.check(apart, together, "apart and together")


def _kept(home: Path, media: Path, *, isolated: bool) -> canonical.Canonical:
    """Take media in; return what is there in the end, with its ids."""
    files = sorted(media.iterdir())
    with in_this_process(Settings(home=home), Mode(isolated=isolated), ids=_ids()) as running:
        token = {"authorization": f"Bearer {running.installation.token}"}
        with httpx.Client(base_url=running.url, headers=token, timeout=PATIENCE_S) as http:
            for path in files:
                with path.open("rb") as stream:
                    sent = http.post("/api/v1/assets", files={"file": (path.name, stream)})
                assert sent.status_code == 202, sent.text
            _wait(lambda: _done(http, len(files)), f"not done: {isolated=}")
        processes = psutil.Process().children(recursive=True)
    _gone(processes)
    return canonical.of_home(home, ids=True)


def _done(http: httpx.Client, count: int) -> bool:
    items = http.get("/api/v1/assets", params={"limit": 500}).json()["items"]
    lag = http.get("/api/v1/status").json()["lag"]
    return len(items) == count and all(a["done"] for a in items) and not any(lag.values())
