"""The local host: at least once, out of order where it must, and nothing left running."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from events.bus import Delivery
from events.event import Event
from functions.disposition import Disposition
from functions.hosts import local
from functions.hosts.given_up import GivenUp
from functions.hosts.local import Hosted, LocalHost, Run, by_lane
from functions.hosts.retries import Backoff

FACT = "dataflux.segment.indexed"
QUICK = Backoff(first_s=0.001, longest_s=0.002, tries=4)
DONE, RETRY = Disposition.DONE, Disposition.RETRY
PATIENCE_S = 10.0


class Consumer:
    """A queue of deliveries; what is acknowledged is written down."""

    def __init__(self, waiting: list[Delivery]) -> None:
        self.waiting, self.acked = waiting, list[int]()
        self.changed = threading.Condition()
        self.closed = False
        self.failures = 0

    def poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        with self.changed:
            if self.failures:
                self.failures -= 1
                raise OSError("the disk is away")
            if not self.waiting:
                self.changed.wait(0.01)
            taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
            return taken

    def ack(self, delivery: Delivery) -> None:
        with self.changed:
            self.acked.append(delivery.offset)
            self.changed.notify_all()

    def close(self) -> None:
        self.closed = True

    def wait_for(self, enough: Callable[[list[int]], bool]) -> list[int]:
        with self.changed:
            assert self.changed.wait_for(lambda: enough(self.acked), PATIENCE_S), self.acked
            return list(self.acked)


class FakeBus:
    """One consumer for each set of topics."""

    def __init__(self, by_topic: dict[str, list[Delivery]]) -> None:
        self.by_topic = by_topic
        self.consumers: dict[tuple[str, ...], Consumer] = {}

    def subscribe(self, group: str, topics: Sequence[str]) -> Consumer:
        waiting = [d for topic in topics for d in self.by_topic.get(topic, [])]
        return self.consumers.setdefault(tuple(topics), Consumer(waiting))

    def publish(self, events: Sequence[Event]) -> None:
        raise NotImplementedError

    def expire(self) -> None:
        pass

    def lag(self, group: str) -> dict[str, int]:
        return {}

    def oldest(self, group: str) -> dict[str, datetime]:
        return {}

    def bounds(self, topic: str) -> list[tuple[int, int]]:
        raise NotImplementedError

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Buried:
    """The dead letters; `refuse` of them cannot be written at first."""

    letters: list[tuple[int, str, int]] = field(default_factory=list)
    refuse: int = 0

    def __call__(self, given_up: GivenUp) -> None:
        if self.refuse:
            self.refuse -= 1
            raise OSError("no connection")
        assert given_up.first_at <= given_up.last_at
        why = given_up.why.detail or given_up.why.name
        self.letters.append((given_up.delivery.offset, why, given_up.attempts))


def delivery(offset: int, topic: str = FACT) -> Delivery:
    event = Event(
        id=f"e{offset}", type="io.dataflux.segment.indexed", source="/t", time=datetime.now(UTC)
    )
    return Delivery(topic, 0, offset, b"raw", event)


def garbage(offset: int) -> Delivery:
    return Delivery(FACT, 0, offset, b"\xff", None, "is no event")


def number(event: Event) -> int:
    return int(event.id[1:])


@contextmanager
def started(host: LocalHost) -> Iterator[None]:
    """Whatever becomes of a test, no thread of its host is left."""
    host.start()
    try:
        yield
    finally:
        host.stop(1.0)


@contextmanager
def hosting(
    waiting: list[Delivery], run: Run, *, batch: int = 1, buried: Buried | None = None
) -> Iterator[Consumer]:
    bus = FakeBus({FACT: waiting})
    hosted = Hosted("relate", (FACT,), run, batch=batch)
    host = LocalHost(bus, [hosted], buried or Buried(), slots=1, retry=QUICK)
    with started(host):
        yield bus.consumers[(FACT,)]
    assert all(consumer.closed for consumer in bus.consumers.values())


def test_everything_is_run_and_acknowledged() -> None:
    with hosting([delivery(n) for n in range(50)], lambda _: DONE, batch=8) as consumer:
        acked = consumer.wait_for(lambda a: len(a) == 50)
    assert sorted(acked) == list(range(50))


def test_what_must_be_retried_does_not_hold_up_what_comes_after() -> None:
    seen: Counter[int] = Counter()
    later_ones_done = threading.Event()

    def run(events: Sequence[Event]) -> Disposition:
        seen[number(events[0])] += 1
        return RETRY if number(events[0]) == 0 and not later_ones_done.is_set() else DONE

    waiting = [delivery(n) for n in range(5)]
    policy = Backoff(first_s=0.001, longest_s=0.002, tries=1_000_000)
    bus = FakeBus({FACT: waiting})
    host = LocalHost(bus, [Hosted("relate", (FACT,), run)], Buried(), slots=1, retry=policy)
    with started(host):
        consumer = bus.consumers[(FACT,)]
        assert sorted(consumer.wait_for(lambda a: len(a) == 4)) == [1, 2, 3, 4]
        later_ones_done.set()
        assert consumer.wait_for(lambda a: len(a) == 5)[-1] == 0
    assert seen[0] > 1


def test_many_that_are_retried_leave_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "AHEAD", 50)
    bad = local.AHEAD + 5

    def run(events: Sequence[Event]) -> Disposition:
        return RETRY if number(events[0]) < bad else DONE

    waiting = [delivery(n) for n in range(bad + 1)]
    policy = Backoff(first_s=60.0, tries=1_000_000)
    bus = FakeBus({FACT: waiting})
    host = LocalHost(bus, [Hosted("relate", (FACT,), run)], Buried(), slots=1, retry=policy)
    with started(host):
        assert bus.consumers[(FACT,)].wait_for(lambda a: len(a) == 1) == [bad]


@pytest.mark.parametrize("bad", [Disposition.INVALID, Disposition.FAILED])
def test_one_bad_event_of_a_batch_takes_no_other_along(bad: Disposition) -> None:
    buried = Buried()

    def run(events: Sequence[Event]) -> Disposition:
        return bad if 3 in map(number, events) else DONE

    with hosting([delivery(n) for n in range(8)], run, batch=8, buried=buried) as consumer:
        consumer.wait_for(lambda a: len(a) == 8)
    assert [offset for offset, _, _ in buried.letters] == [3]


def test_what_fails_again_and_again_becomes_a_dead_letter_with_its_attempts() -> None:
    buried, tries = Buried(), list[int]()

    def run(events: Sequence[Event]) -> Disposition:
        tries.append(number(events[0]))
        return RETRY

    with hosting([delivery(0)], run, buried=buried) as consumer:
        consumer.wait_for(lambda a: a == [0])
    assert len(tries) == QUICK.tries
    assert buried.letters == [(0, "retry", QUICK.tries)]


def test_an_invalid_event_is_not_tried_again() -> None:
    buried, tries = Buried(), list[int]()

    def run(events: Sequence[Event]) -> Disposition:
        tries.append(1)
        return Disposition.INVALID

    with hosting([delivery(0)], run, buried=buried) as consumer:
        consumer.wait_for(lambda a: a == [0])
    assert len(tries) == 1
    assert buried.letters == [(0, "invalid", 1)]


def test_garbage_is_buried_once_though_its_batch_is_retried() -> None:
    buried, tries = Buried(), list[int]()

    def run(events: Sequence[Event]) -> Disposition:
        tries.append(len(events))
        return DONE if len(tries) == 3 else RETRY

    with hosting([delivery(0), garbage(1)], run, batch=2, buried=buried) as consumer:
        consumer.wait_for(lambda a: sorted(a) == [0, 1])
    assert tries == [1, 1, 1]
    assert buried.letters == [(1, "is no event", 1)]


def test_a_handler_that_raises_is_retried_and_its_worker_lives() -> None:
    tries = list[int]()

    def run(events: Sequence[Event]) -> Disposition:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("a bug")
        return DONE

    with hosting([delivery(0), delivery(1)], run) as consumer:
        consumer.wait_for(lambda a: sorted(a) == [0, 1])


def test_nothing_is_dropped_while_no_dead_letter_can_be_written() -> None:
    buried = Buried(refuse=3)
    with hosting([delivery(0)], lambda _: RETRY, buried=buried) as consumer:
        consumer.wait_for(lambda a: a == [0])
    assert [offset for offset, _, _ in buried.letters] == [0]


def test_a_feeder_outlives_a_bus_that_fails_for_a_while() -> None:
    bus = FakeBus({FACT: [delivery(0)]})
    bus.subscribe("relate", (FACT,)).failures = 1
    hosted = [Hosted("relate", (FACT,), lambda _: DONE)]
    host = LocalHost(bus, hosted, Buried(), slots=1, retry=QUICK)
    with started(host):
        bus.consumers[(FACT,)].wait_for(lambda a: a == [0])


def test_light_work_does_not_wait_for_heavy_work() -> None:
    blocked, let_go = threading.Event(), threading.Event()
    work = "dataflux.work.segment.high"

    def decode(events: Sequence[Event]) -> Disposition:
        blocked.set()
        let_go.wait(PATIENCE_S)
        return DONE

    bus = FakeBus({work: [delivery(n, work) for n in range(9)], FACT: [delivery(0)]})
    hosted = [
        Hosted("segment", (work,), decode, heavy=True),
        Hosted("relate", (FACT,), lambda _: DONE),
    ]
    host = LocalHost(bus, hosted, Buried(), slots=2, retry=QUICK)
    with started(host):
        assert blocked.wait(PATIENCE_S)
        bus.consumers[(FACT,)].wait_for(lambda a: a == [0])
        let_go.set()


def test_a_function_that_is_alone_has_one_worker_and_holds_up_no_other() -> None:
    at_once, most, others_done = 0, 0, threading.Event()
    lock = threading.Lock()

    def debugged(events: Sequence[Event]) -> Disposition:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        assert others_done.wait(PATIENCE_S)  # a breakpoint: it stands while others work
        with lock:
            at_once -= 1
        return DONE

    other = "dataflux.segment.embedded"
    bus = FakeBus(
        {FACT: [delivery(n) for n in range(4)], other: [delivery(n, other) for n in range(4)]}
    )
    hosted = [
        Hosted("relate", (FACT,), debugged, heavy=True, alone=True),
        Hosted("project", (other,), lambda _: DONE, heavy=True),
    ]
    with started(LocalHost(bus, hosted, Buried(), slots=1)):
        bus.consumers[(other,)].wait_for(lambda a: len(a) == 4)
        others_done.set()
        bus.consumers[(FACT,)].wait_for(lambda a: len(a) == 4)
    assert most == 1


def test_stop_lets_work_end_and_leaves_the_rest_for_the_next_start() -> None:
    began, let_go = threading.Event(), threading.Event()

    def run(events: Sequence[Event]) -> Disposition:
        began.set()
        let_go.wait(PATIENCE_S)
        return DONE

    work = "dataflux.work.segment.low"
    bus = FakeBus({work: [delivery(n, work) for n in range(5)]})
    before = set(threading.enumerate())
    host = LocalHost(bus, [Hosted("segment", (work,), run, heavy=True)], Buried(), slots=1)
    host.start()
    assert began.wait(PATIENCE_S)
    stopping = threading.Thread(target=host.stop)
    stopping.start()
    let_go.set()
    stopping.join(PATIENCE_S)
    assert bus.consumers[(work,)].acked == [0]
    assert set(threading.enumerate()) <= before


def test_stop_aborts_what_does_not_end_in_time() -> None:
    began, aborted = threading.Event(), threading.Event()

    def run(events: Sequence[Event]) -> Disposition:
        began.set()
        return RETRY if aborted.wait(PATIENCE_S) else DONE

    bus = FakeBus({FACT: [delivery(0)]})
    host = LocalHost(bus, [Hosted("relate", (FACT,), run)], Buried(), slots=1)
    host.start()
    assert began.wait(PATIENCE_S)
    host.stop(0.05, aborted.set)
    assert aborted.is_set()
    assert bus.consumers[(FACT,)].acked == []


def test_lanes_are_read_apart() -> None:
    topics = [f"dataflux.work.{s}.{lane}" for s in ("a", "b") for lane in ("high", "low")]
    assert by_lane([*topics, FACT]) == [
        ["dataflux.work.a.high", "dataflux.work.b.high"],
        ["dataflux.work.a.low", "dataflux.work.b.low"],
        [FACT],
    ]
