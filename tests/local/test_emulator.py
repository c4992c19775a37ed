"""The whole emulator as a process: ready at once, and gone without a trace when told to go."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from local import demo_media
from tests.e2e.running import Emulator, emulator, processes_of

PATIENCE_S = 15.0


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's own user can reach: each run of pytest closes pytest's own."""
    with tempfile.TemporaryDirectory(prefix="dataflux-test-") as name:
        yield Path(name)


def _drop(inbox: Path) -> set[str]:
    for number in range(3):
        picture = demo_media.sign(f"NUMBER {number}", "Trains to Edinburgh")
        picture.save(inbox / f"sign-{number}.png")
    return {f"sign-{number}.png" for number in range(3)}


def _until_work_is_under_way(running: Emulator) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if sum(w["leased"] for w in running.client.get("/status")["waiting"]):
            return
        time.sleep(0.05)
    raise AssertionError("nothing is being worked on")


def _group_is_gone(group: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        alive = [p for p in psutil.process_iter(["status"]) if _in_group(p, group)]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def _in_group(process: psutil.Process, group: int) -> bool:
    if process.info["status"] == psutil.STATUS_ZOMBIE:
        return False
    try:
        return os.getpgid(process.pid) == group
    except ProcessLookupError:
        return False


@pytest.mark.long
def test_ctrl_c_in_a_terminal_gives_work_back_and_a_restart_ends_it(home: Path) -> None:
    """A terminal's Ctrl-C reaches the children too, in the middle of their work."""
    with emulator(home) as running:
        names = _drop(running.inbox)
        _until_work_is_under_way(running)
        group = running.process.pid
        os.killpg(group, signal.SIGINT)
        assert running.process.wait(PATIENCE_S) == 0
        assert _group_is_gone(group)
    assert processes_of(home) == []
    assert not list(home.rglob(".s.PGSQL*"))
    with emulator(home) as running:
        found = running.wait_until_done(names)
        assert {asset["status"] for asset in found} == {"completed"}
        assert running.client.get("/status")["dead_letters"] == 0
        assert len(found) == len(names)
        assert running.stop() == 0


@pytest.mark.long
def test_a_second_ctrl_c_ends_it_at_once_and_leaves_no_process(home: Path) -> None:
    with emulator(home, DATAFLUX_GRACE_S="60") as running:
        _drop(running.inbox)
        _until_work_is_under_way(running)
        group = running.process.pid
        os.kill(group, signal.SIGTERM)
        time.sleep(0.05)
        os.kill(group, signal.SIGTERM)
        assert running.process.wait(PATIENCE_S) in (0, 130)  # 0: it was done before the second
        assert _group_is_gone(group)
    deadline = time.monotonic() + PATIENCE_S
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.05)  # the server ends by itself once its owner is gone
    assert processes_of(home) == []


@pytest.mark.long
def test_the_home_tells_the_other_commands_where_it_answers(home: Path) -> None:
    with emulator(home) as running:
        told = json.loads((home / "run.json").read_text())
        assert told == {"url": running.url, "pid": running.process.pid}
        token = home / "token"
        assert token.stat().st_mode & 0o777 == 0o600
        headers = {"authorization": f"Bearer {token.read_text().strip()}"}
        assert httpx.get(f"{told['url']}/api/v1/status", headers=headers).status_code == 200
        assert httpx.get(f"{told['url']}/api/v1/status").status_code == 401
        assert running.stop() == 0
    assert not (home / "run.json").exists()
