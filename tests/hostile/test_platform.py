"""All hostile files at once, dropped into a running platform: it stays the same, and answers."""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from schemas.names import Reason
from tests.e2e.running import Emulator, emulator
from tests.fuzz.health import Health, watched
from tests.hostile.canary import HOST, Canary, canary
from tests.hostile.case import PARTLY, READ, Bait, Case
from tests.hostile.catalogue import CASES

GROWTH = 50 << 20
SHORTLY_S = 0.2
PATIENCE_S = 900.0
SECRET = "hunter2 "
TIMEOUTS = {str(Reason.DECODE_TIMEOUT), str(Reason.DECODER_OOM)}
"""Beside the endings of a case: a busy machine, with every analyzer, has less time for each."""
CONTROL = """
import http.server, json
class Empty(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass
class Outcome:
    """What a platform has made of the files, and what it took."""

    assets: dict[str, dict[str, Any]]
    health: Health
    control: Health
    grown: int
    left: list[str]
    same: bool
    visits: list[str]


def played(cases: Sequence[Case]) -> Outcome:
    """Drop the files of the cases into the inbox of a new platform, and wait until it rests."""
    with (
        tempfile.TemporaryDirectory(prefix="dataflux-test-") as name,
        canary() as bird,
        _control() as control_url,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # the server of the records is another user's
        temporary, secret = folder / "tmp", folder / "secret.txt"
        temporary.mkdir()
        secret.write_text(SECRET * 50)
        environment = {"TMPDIR": str(temporary), "DATAFLUX_DECODE_S": "30"}
        with emulator(folder / "home", **environment, DATAFLUX_LEASE_S="60") as running:
            _warm(running)
            process = psutil.Process(running.process.pid)
            before = process.memory_info().rss
            with (
                watched(running.url, "/healthz") as health,
                watched(control_url, "/") as control,
            ):
                assets = _all(running, cases, bird, secret)
            grown = process.memory_info().rss - before
            left = [path.name for path in temporary.iterdir()]
            same = running.process.poll() is None and process.is_running()
            hits = running.client.post("/search", json={"query": SECRET, "limit": 50})["hits"]
            assert SECRET.strip() not in json.dumps(hits)
        return Outcome(assets, health, control, grown, left, same, bird.visits)


def _all(
    running: Emulator, cases: Sequence[Case], bird: Canary, secret: Path
) -> dict[str, dict[str, Any]]:
    bait = Bait(HOST, bird.port, str(secret))
    for case in cases:
        (running.inbox / case.filename).write_bytes(case.make(bait))
    done = running.wait_until_done({case.filename for case in cases}, PATIENCE_S)
    return {asset["filename"]: asset for asset in done}


def _warm(running: Emulator) -> None:
    """Have every kind of child started, and what is kept of words filled: that is no growth."""
    rng = random.Random(1)
    words = ("".join(rng.choices("abcdefghij", k=8)) for _ in range(80_000))
    text = "\n\n".join(" ".join(line) for line in zip(*[words] * 80, strict=False))
    (running.inbox / "warm.txt").write_text(text)
    files = [case for case in CASES if case.endings == (READ,)][:4]
    for case in files:
        (running.inbox / f"warm-{case.filename}").write_bytes(case.make(Bait(HOST, 9, "/none")))
    running.wait_until_done({"warm.txt", *(f"warm-{c.filename}" for c in files)}, PATIENCE_S)


@contextmanager
def _control() -> Iterator[str]:
    """A server that does nothing else, in a process of its own: this machine's own delays."""
    process = subprocess.Popen([sys.executable, "-c", CONTROL], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.hostile
def test_a_platform_outlives_every_hostile_file() -> None:
    began = time.monotonic()
    outcome = played(CASES)
    for case in CASES:
        asset = outcome.assets[case.filename]
        ending = asset["status"] if asset["status"] in (READ, PARTLY) else asset["reason"]
        assert ending in {*case.endings, *TIMEOUTS, PARTLY}, (case.filename, asset["detail"])
    _holds(outcome)
    print(f"{len(CASES)} files in {time.monotonic() - began:.0f} s; {summary(outcome)}")


def _holds(outcome: Outcome) -> None:
    assert outcome.same
    assert outcome.visits == []
    assert outcome.left == []
    assert outcome.grown < GROWTH
    assert outcome.health.silent == 0
    assert outcome.health.worst < SHORTLY_S + outcome.control.worst


def summary(outcome: Outcome) -> str:
    """Say what a run has measured."""
    health, control = outcome.health, outcome.control
    return (
        f"grown by {outcome.grown / (1 << 20):.1f} MiB; health: {len(health.took)} answers,"
        f" {health.slow} above 200 ms, the slowest {health.worst * 1000:.0f} ms; a server that does"
        f" nothing: {control.slow}, {control.worst * 1000:.0f} ms"
    )
