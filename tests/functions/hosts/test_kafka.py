"""Consumer pools: a pool a function with its own workers a lane, sweepers, metrics, an orderly end.

They run over any bus; tests/e2e/test_kafka.py runs them in processes of their own over Kafka.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from dataflux.policy import WORKERS
from events.event import Event
from events.samples import sample
from functions.disposition import Disposition
from functions.hosts.kafka import main, pools
from functions.targets import Target
from schemas.names import Lane
from tests.fixtures.platform import Platform

PROMPT_S = 30.0


def _work(lane: Lane) -> Event:
    work = sample("work.stitch")
    extensions = {**work.extensions, "lane": str(lane), "partitionkey": str(uuid4())}
    return Event(str(uuid4()), work.type, work.source, work.time, work.data, None, extensions)


def test_each_lane_has_its_own_workers(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work: Counter[str] = Counter()
    all_at_work, changed = threading.Event(), threading.Condition()

    def run(self: Target, deps: object, events: list[Event]) -> Disposition:
        with changed:
            at_work[events[0].extensions["lane"]] += 1
            changed.notify()
        all_at_work.wait(PROMPT_S)
        return Disposition.DONE

    monkeypatch.setattr(Target, "run", run)
    platform.deps.bus.publish([_work(lane) for lane in Lane for _ in range(WORKERS[lane] + 5)])
    with pools(platform.deps, ["stitch"]):
        with changed:
            full = {str(lane): workers for lane, workers in WORKERS.items()}
            assert changed.wait_for(lambda: dict(at_work) == full, PROMPT_S)
            assert not changed.wait_for(lambda: dict(at_work) != full, 0.3), "no lane takes more"
        all_at_work.set()
        deadline = time.monotonic() + PROMPT_S
        while any(platform.deps.bus.lag("stitch").values()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_sweepers_are_ticked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    ticked = threading.Event()

    def run(self: Target, deps: object, events: list[Event]) -> Disposition:
        if self.name == "relay" and events[0].data == {"timer": "relay"}:
            ticked.set()
        return Disposition.DONE

    monkeypatch.setattr(Target, "run", run)
    with pools(platform.deps, ["relay"]):
        assert ticked.wait(PROMPT_S)


def test_a_function_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stitch", "juggle"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "juggle" in said
    assert "stitch" in said


def test_a_process_serves_metrics_and_ends_on_a_signal(tmp_path: Path) -> None:
    environment = {**os.environ, "DATAFLUX_HOME": str(tmp_path), "DATAFLUX_LOG_FORMAT": "plain"}
    command = [sys.executable, "-m", "functions.hosts.kafka", "stitch"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            place = next(line for line in process.stderr if "metrics at" in line).split()[-1]
            with urllib.request.urlopen(place, timeout=PROMPT_S) as answer:
                assert b"dataflux_work_seconds" in answer.read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PROMPT_S) == 0
        finally:
            process.kill()
