"""How long the first event of a process has waited for it."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from events.samples import sample
from functions.cold import ColdStart
from functions.targets import BY_NAME
from stores.records import trace
from tests.fixtures.platform import Platform

EVENT = sample("work.segment")


def test_only_the_first_event_has_waited_and_only_if_it_was_there() -> None:
    cold = ColdStart(time.time() - 3)
    before = replace(EVENT, time=datetime.now(UTC) - timedelta(seconds=9))
    assert cold.waited(before) == pytest.approx(3, abs=1)
    assert cold.waited(before) is None
    meanwhile = replace(EVENT, time=datetime.now(UTC) - timedelta(seconds=2))
    assert ColdStart(time.time() - 90).waited(meanwhile) == pytest.approx(2, abs=1)
    after = replace(EVENT, time=datetime.now(UTC) + timedelta(seconds=1))
    assert ColdStart(time.time() - 3).waited(after) is None


def test_it_is_kept_with_the_attempt(platform: Platform) -> None:
    received = platform.drop("notes.md", b"# Notes\n\nPuffins nest in burrows.\n")
    bus, deps = platform.deps.bus, platform.deps
    platform.run(BY_NAME["ingest"], bus.subscribe("ingest", BY_NAME["ingest"].topics).poll(1, 0))
    (work,) = bus.subscribe("segment", BY_NAME["segment"].topics).poll(1, 0)
    assert work.event is not None
    started = work.event.time.timestamp() - 1
    cold = replace(deps, engine=replace(deps.engine, cold=ColdStart(started)))
    BY_NAME["segment"].run(cold, [work.event])
    (run,) = deps.engine.read(platform.caller.tenant, trace.trace, received.lineage)
    (attempt,) = run.stages[0].pieces[0].attempts
    assert attempt.cold_s is not None
    assert 0 < attempt.cold_s < 60  # from its event on, not from the start of the process
