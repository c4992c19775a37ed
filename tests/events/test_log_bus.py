"""The embedded bus does what every bus does, and survives crashes, damage and full disks."""

import errno
import logging
import math
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.errors import Unavailable
from events import codec, partition_log
from events.bus import Bus
from events.log_bus import LogBus
from events.offsets import Offsets
from events.partition_log import PartitionLog
from tests.contracts.bus import FACT, LONG_S, BusContract, KeptBusContract, drain, event, names

WEEK_S = 7 * 24 * 3600


@pytest.fixture
def buses(tmp_path: Path) -> Iterator[Callable[[], LogBus]]:
    opened: list[LogBus] = []

    def open_() -> LogBus:
        """Open the folder anew; what was open before ends without closing, as in a crash."""
        opened.append(LogBus(tmp_path, durable=False))
        return opened[-1]

    yield open_
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(buses: Callable[[], LogBus]) -> LogBus:
    return buses()


def _fill(bus: LogBus, *ids: object) -> None:
    bus.publish([event(id) for id in ids])


def _file(tmp_path: Path) -> Path:
    """Return the one segment that is not empty."""
    (path,) = (p for p in tmp_path.glob("*/*/*.log") if p.stat().st_size)
    return path


class TestLogBus(KeptBusContract):
    @pytest.fixture
    def bus(self, buses: Callable[[], LogBus]) -> Bus:
        return buses()

    @pytest.fixture
    def reopen(self, bus: Bus, buses: Callable[[], LogBus]) -> Callable[[], Bus]:
        def again() -> Bus:
            bus.close()
            return buses()

        return again


class TestDurableLogBus(BusContract):
    @pytest.fixture
    def bus(self, tmp_path: Path) -> Iterator[Bus]:
        bus = LogBus(tmp_path)
        yield bus
        bus.close()


class TestMemoryBus(BusContract):
    @pytest.fixture
    def bus(self, tmp_path: Path) -> Iterator[Bus]:
        bus = LogBus(tmp_path, in_memory=True)
        yield bus
        bus.close()
        assert list(tmp_path.iterdir()) == []


def test_what_is_old_expires_in_memory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = LogBus(tmp_path, in_memory=True)
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    _fill(bus, 1, 2)
    monkeypatch.setattr(time, "time", lambda: 1000.0 + WEEK_S + 1)
    _fill(bus, 3)
    bus.expire()
    assert [(d.offset, names([d])) for d in bus.tail(FACT)] == [(2, ["3"])]
    bus.close()


def test_what_was_published_survives_a_crash(bus: LogBus, buses: Callable[[], LogBus]) -> None:
    _fill(bus, 1, 2)
    assert names(buses().tail(FACT)) == ["1", "2"]


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 100])
def test_a_record_torn_by_a_crash_is_cut_off(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus], cut: int
) -> None:
    _fill(bus, 1)
    whole = _file(tmp_path).stat().st_size
    _fill(bus, 2)
    os.truncate(_file(tmp_path), whole + cut)
    again = buses()
    _fill(again, 3)
    assert names(again.tail(FACT)) == ["1", "3"]


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b"\0" * 8, b"\xff" * 64, b"\0\0\0\x04\0\0\0\0abcd", b"x"]
)
def test_whatever_a_crash_leaves_at_the_end_is_cut_off(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus], tail: bytes
) -> None:
    _fill(bus, 1)
    with _file(tmp_path).open("ab") as file:
        file.write(tail)
    again = buses()
    _fill(again, 2)
    assert [(d.event and d.event.id, d.problem) for d in again.tail(FACT)] == [("1", ""), ("2", "")]


def test_a_length_that_lies_costs_no_memory(tmp_path: Path) -> None:
    (tmp_path / f"{0:020}.log").write_bytes(b"\xff\xff\xff\xf0" + b"\0" * 8)
    log = PartitionLog(tmp_path)
    assert (log.start, log.end) == (0, 0)
    log.close()


def test_opening_a_log_reads_only_its_last_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PartitionLog(tmp_path, segment_bytes=100)
    for n in range(20):
        log.append([b"%d" % n * 40])
    log.close()
    scans, scan = [], partition_log._scan

    def counted(fd: int) -> list[int]:
        scans.append(fd)
        return scan(fd)

    monkeypatch.setattr(partition_log, "_scan", counted)
    again = PartitionLog(tmp_path, segment_bytes=100)
    assert len([*tmp_path.iterdir()]) > 5
    assert (len(scans), again.start, again.end) == (1, 0, 20)
    offset, read = 0, []
    while records := again.read(offset, 3):
        read += [record for _, record in records]
        offset = records[-1][0] + 1
    assert read == [b"%d" % n * 40 for n in range(20)]
    again.expire(-1)
    assert (again.start, again.end) == (20, 20)
    again.close()


def test_a_garbled_record_ends_the_log(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus]
) -> None:
    _fill(bus, 1)
    whole = _file(tmp_path).stat().st_size
    _fill(bus, 2)
    with _file(tmp_path).open("r+b") as file:
        file.seek(whole + 20)
        file.write(b"!!!!")
    assert names(buses().tail(FACT)) == ["1"]


def test_a_group_ahead_of_a_log_that_was_cut_gets_what_is_new(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus]
) -> None:
    _fill(bus, 1)
    whole = _file(tmp_path).stat().st_size
    _fill(bus, 2, 3)
    consumer = bus.subscribe("g", [FACT])
    for delivery in drain(consumer, 3):
        consumer.ack(delivery)
    consumer.close()
    os.truncate(_file(tmp_path), whole)
    again = buses()
    consumer = again.subscribe("g", [FACT])
    assert consumer.poll(10, 0) == []
    _fill(again, 4)
    assert names(drain(consumer, 1)) == ["4"]


def test_a_group_ahead_of_a_log_that_was_cut_waits_for_no_record_of_others(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus]
) -> None:
    """The offset that was lost is given to the next record, which may come before any poll."""
    _fill(bus, 1)
    whole = _file(tmp_path).stat().st_size
    _fill(bus, 2)
    consumer = bus.subscribe("g", [FACT])
    for delivery in drain(consumer, 2):
        consumer.ack(delivery)
    consumer.close()
    os.truncate(_file(tmp_path), whole)
    again = buses()
    consumer = again.subscribe("g", [FACT])
    _fill(again, 3)
    assert names(drain(consumer, 1)) == ["3"]


def test_what_is_no_event_is_delivered_as_such(tmp_path: Path, buses: Callable[[], LogBus]) -> None:
    bus = buses()
    _fill(bus, 1)
    folder = _file(tmp_path).parent
    log = PartitionLog(folder)
    log.append([b'{"specversion": "1.0"}', b"nonsense", codec.dumps(event(2))])
    log.close()
    found = drain(buses().subscribe("g", [FACT]), 4)
    assert names(found) == ["1", "2"]
    bad = [d for d in found if d.event is None]
    assert [d.value for d in bad] == [b'{"specversion": "1.0"}', b"nonsense"]
    assert ["source" in bad[0].problem, "no JSON" in bad[1].problem] == [True, True]


def test_tail_reads_without_being_a_consumer(bus: LogBus) -> None:
    _fill(bus, *range(3))
    assert names(bus.tail(FACT)) == names(bus.tail(FACT)) == ["0", "1", "2"]
    assert names(bus.tail(FACT, since=2)) == ["2"]
    assert names(drain(bus.subscribe("g", [FACT]), 3)) == ["0", "1", "2"]


def test_a_group_can_be_rewound(bus: LogBus, buses: Callable[[], LogBus]) -> None:
    _fill(bus, *range(4))
    consumer = bus.subscribe("g", [FACT])
    for delivery in drain(consumer, 4):
        consumer.ack(delivery)
    bus.rewind("g", FACT, 2)
    assert bus.lag("g")[FACT] == 2
    assert names(drain(consumer, 2)) == ["2", "3"]
    bus.rewind("g", FACT)
    assert names(drain(consumer, 4)) == ["0", "1", "2", "3"]
    assert names(drain(buses().subscribe("g", [FACT]), 4)) == ["0", "1", "2", "3"]


def test_rewinding_wakes_whoever_waits(bus: LogBus) -> None:
    _fill(bus, 1)
    consumer = bus.subscribe("g", [FACT])
    consumer.ack(drain(consumer, 1)[0])
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(names(consumer.poll(1, LONG_S))))
    thread.start()
    bus.rewind("g", FACT)
    thread.join(LONG_S / 2)
    assert found == ["1"]


def test_what_is_published_between_looking_and_waiting_wakes(
    bus: LogBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = bus.subscribe("g", [FACT])
    wait = bus._wait

    def late(seen: int, timeout_s: float) -> bool:
        if not names(bus.tail(FACT)):
            _fill(bus, 1)  # after the consumer has looked, before it waits
        return wait(seen, timeout_s)

    monkeypatch.setattr(bus, "_wait", late)
    began = time.monotonic()
    assert names(consumer.poll(1, LONG_S)) == ["1"]
    assert time.monotonic() - began < LONG_S / 2


def test_a_bus_that_closes_between_looking_and_taking_ends_a_poll(
    bus: LogBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = bus.subscribe("g", [FACT])
    log_of = bus._log

    def late(topic: str, partition: int) -> object:
        bus.close()
        return log_of(topic, partition)

    monkeypatch.setattr(bus, "_log", late)
    assert consumer.poll(1, LONG_S) == []


def test_what_was_kept_of_a_publish_that_failed_wakes(
    bus: LogBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = bus.subscribe("g", [FACT])
    append, looked = PartitionLog.append, threading.Event()
    wait = bus._wait

    def once(log: PartitionLog, records: list[bytes]) -> int:
        if bus.lag("g")[FACT]:
            raise Unavailable("bus: cannot write")
        return append(log, records)

    def waits(seen: int, timeout_s: float) -> bool:
        looked.set()
        return wait(seen, timeout_s)

    monkeypatch.setattr(PartitionLog, "append", once)
    monkeypatch.setattr(bus, "_wait", waits)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(names(consumer.poll(1, LONG_S))))
    thread.start()
    assert looked.wait(LONG_S)
    with pytest.raises(Unavailable):
        bus.publish([event(n, str(n)) for n in range(20)])
    thread.join(LONG_S / 3)
    assert found == ["0"]


def test_expiry_deletes_what_is_old_and_offsets_go_on(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus]
) -> None:
    _fill(bus, 1, 2)
    bus.expire()
    assert names(bus.tail(FACT)) == ["1", "2"]
    consumer = bus.subscribe("g", [FACT])
    old = time.time() - WEEK_S - 60
    os.utime(_file(tmp_path), (old, old))
    bus.expire()
    assert list(bus.tail(FACT)) == []
    assert bus.lag("g") == {FACT: 0}
    _fill(bus, 3)
    assert [(d.offset, names([d])) for d in drain(consumer, 1)] == [(2, ["3"])]
    again = buses()
    assert [(d.offset, names([d])) for d in again.tail(FACT)] == [(2, ["3"])]


def test_what_a_group_had_in_work_may_expire(tmp_path: Path, bus: LogBus) -> None:
    _fill(bus, 1, 2)
    consumer = bus.subscribe("g", [FACT])
    first, second = drain(consumer, 2)
    os.utime(_file(tmp_path), (0, 0))
    bus.expire()
    _fill(bus, 3)
    (third,) = drain(consumer, 1)
    for delivery in (third, second, first):
        consumer.ack(delivery)
    assert bus.lag("g") == {FACT: 0}


def test_a_log_goes_on_in_the_next_file(tmp_path: Path) -> None:
    log = PartitionLog(tmp_path, segment_bytes=100)
    for n in range(20):
        assert log.append([b"%02d" % n * 10, b"x"]) == 2 * n
    assert len(list(tmp_path.glob("*.log"))) > 3
    again = PartitionLog(tmp_path, segment_bytes=100)
    for each in (log, again):
        offset, found = 0, []
        while records := each.read(offset, 3):
            found += records
            offset = records[-1][0] + 1
        assert [n for n, _ in found] == list(range(40))
        assert found[38] == (38, b"19" * 10)
        each.close()


def test_a_damaged_file_in_the_middle_does_not_hold_up_the_rest(
    tmp_path: Path, buses: Callable[[], LogBus]
) -> None:
    bus = buses()
    _fill(bus, 0)
    folder = _file(tmp_path).parent
    log = PartitionLog(folder, segment_bytes=1)
    for n in (1, 2, 3):
        log.append([codec.dumps(event(n))])
    log.close()
    damaged = folder / f"{1:020}.log"
    damaged.write_bytes(b"!" + damaged.read_bytes()[1:])
    again = buses()
    consumer = again.subscribe("g", [FACT])
    found = drain(consumer, 3)
    assert names(found) == ["0", "2", "3"]
    for delivery in found:
        consumer.ack(delivery)
    assert again.lag("g") == {FACT: 0}


def test_a_full_disk_is_told_and_leaves_no_half_record(
    tmp_path: Path, bus: LogBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(bus, 1)
    write = os.pwrite

    def full(fd: int, data: bytes, at: int) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) - 10], at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(Unavailable, match="No space left"):
            _fill(bus, 2)
    _fill(bus, 3)
    assert names(bus.tail(FACT)) == ["1", "3"]


def test_an_acknowledgement_survives_a_full_disk(
    bus: LogBus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _fill(bus, 1)
    consumer = bus.subscribe("g", [FACT])
    (delivery,) = drain(consumer, 1)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Path, "replace", full)
        consumer.ack(delivery)
        consumer.close()
    assert "offsets of g not written" in caplog.text
    assert bus.lag("g") == {FACT: 0}


def test_damaged_offsets_deliver_everything_again(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus], caplog: pytest.LogCaptureFixture
) -> None:
    _fill(bus, 1)
    consumer = bus.subscribe("g", [FACT])
    consumer.ack(drain(consumer, 1)[0])
    consumer.close()
    (tmp_path / "groups/g.json").write_bytes(b"\0\0")
    with caplog.at_level(logging.WARNING):
        assert names(drain(buses().subscribe("g", [FACT]), 1)) == ["1"]
    assert "damaged" in caplog.text


def test_a_closed_log_writes_into_no_file_of_others(tmp_path: Path) -> None:
    """The number of a closed descriptor is given to the next file that is opened."""
    log = PartitionLog(tmp_path / "log")
    log.append([b"x"])
    log.close()
    with (tmp_path / "other").open("wb") as other:
        with pytest.raises(Unavailable, match="closed"):
            log.append([b"y"])
        assert log.read(0, 10) == []
        other.write(b"mine")
    assert (tmp_path / "other").read_bytes() == b"mine"


def test_the_frame_of_a_record_is_its_length_and_checksum(tmp_path: Path) -> None:
    log = PartitionLog(tmp_path)
    log.append([b"abc"])
    log.close()
    (path,) = tmp_path.glob("*.log")
    assert path.read_bytes() == b"\0\0\0\x03" + zlib.crc32(b"abc").to_bytes(4, "big") + b"abc"


class _Disk:
    """Stands in for fdatasync: each call waits to be let through, and may fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.began, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.fails = False

    def __call__(self, fd: int) -> None:
        self.calls += 1
        self.began.release()
        assert self.go.acquire(timeout=LONG_S)
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> _Disk:
    disk = _Disk()
    monkeypatch.setattr(os, "fdatasync", disk)
    return disk


class _Appends:
    """Appends one record a thread, and notes how each ended."""

    def __init__(self, log: PartitionLog) -> None:
        self._log = log
        self._threads: list[threading.Thread] = []
        self.ended: dict[bytes, int | Unavailable] = {}

    def start(self, record: bytes) -> None:
        """Begin to append; return when the record is written and waits for the disk."""
        thread = threading.Thread(target=self._append, args=(record,))
        self._threads.append(thread)
        before = self._size()
        thread.start()
        deadline = time.monotonic() + LONG_S
        while self._size() == before and time.monotonic() < deadline:
            time.sleep(0.001)

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._log._folder.glob("*.log"))

    def _append(self, record: bytes) -> None:
        try:
            self.ended[record] = self._log.append([record])
        except Unavailable as error:
            self.ended[record] = error

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(LONG_S)
            assert not thread.is_alive()


def test_one_sync_serves_all_who_wait(tmp_path: Path, disk: _Disk) -> None:
    log = PartitionLog(tmp_path / "t" / "0")
    appends = _Appends(log)
    appends.start(b"first")
    assert disk.began.acquire(timeout=LONG_S)
    others = [b"%d" % n for n in range(5)]
    for record in others:
        appends.start(record)
    for _ in range(2):
        disk.go.release()
    appends.wait()
    assert disk.calls == 2
    assert appends.ended == {record: n for n, record in enumerate([b"first", *others])}
    assert [record for _, record in log.read(0, 10)] == [b"first", *others]
    log.close()


def test_the_partitions_of_a_publish_are_synced_side_by_side(tmp_path: Path, disk: _Disk) -> None:
    bus = LogBus(tmp_path)
    keys = ["0", "2", "4"]
    assert len({bus._partition(FACT, key) for key in keys}) == 3
    thread = threading.Thread(target=lambda: bus.publish([event(key, key) for key in keys]))
    thread.start()
    for _ in keys:
        assert disk.began.acquire(timeout=LONG_S)
    disk.go.release(3)
    thread.join(LONG_S)
    assert sum(end for _, end in bus.bounds(FACT)) == 3
    bus.close()


def test_a_publish_raises_what_one_of_its_partitions_could_not_do(
    tmp_path: Path, disk: _Disk
) -> None:
    bus = LogBus(tmp_path)
    disk.fails = True
    disk.go.release(2)
    with pytest.raises(Unavailable, match="cannot write"):
        bus.publish([event("0", "0"), event("2", "2")])
    bus.close()


def test_nobody_reads_what_is_not_on_the_disk(tmp_path: Path, disk: _Disk) -> None:
    log = PartitionLog(tmp_path / "t" / "0")
    appends = _Appends(log)
    appends.start(b"x")
    assert disk.began.acquire(timeout=LONG_S)
    assert (log.end, log.read(0, 10)) == (0, [])
    disk.go.release()
    appends.wait()
    assert (log.end, log.read(0, 10)) == (1, [(0, b"x")])
    log.close()


def test_a_sync_that_fails_is_told_to_all_who_wait_and_keeps_nothing(
    tmp_path: Path, disk: _Disk
) -> None:
    log = PartitionLog(tmp_path / "t" / "0")
    disk.go.release()
    log.append([b"kept"])
    assert disk.began.acquire(timeout=LONG_S)
    disk.fails = True
    appends = _Appends(log)
    for record in (b"a", b"b"):
        appends.start(record)
    disk.go.release()
    appends.wait()
    assert all(isinstance(end, Unavailable) for end in appends.ended.values())
    assert len(appends.ended) == 2
    disk.fails = False
    disk.go.release()
    assert log.append([b"c"]) == 1
    log.close()
    again = PartitionLog(tmp_path / "t" / "0")
    assert again.read(0, 10) == [(0, b"kept"), (1, b"c")]
    again.close()


def test_the_next_file_waits_for_the_one_before_it(tmp_path: Path, disk: _Disk) -> None:
    """Or a reader would pass over what is still on its way to the disk."""
    log = PartitionLog(tmp_path / "t" / "0", segment_bytes=1)
    appends = _Appends(log)
    appends.start(b"1")
    assert disk.began.acquire(timeout=LONG_S)
    rival = threading.Thread(target=appends._append, args=(b"2",))
    rival.start()
    assert not disk.began.acquire(timeout=0.05)
    assert (log.end, log.read(0, 10)) == (0, [])
    for _ in range(2):
        disk.go.release()
    appends.wait()
    rival.join(LONG_S)
    assert log.read(0, 10) == [(0, b"1")]
    assert log.read(1, 10) == [(1, b"2")]
    log.close()


def test_a_new_day_gets_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what is seldom written to would keep its oldest record for ever."""
    log = PartitionLog(tmp_path, durable=False)
    log.append([b"1"])
    log.append([b"2"])
    assert len(list(tmp_path.glob("*.log"))) == 1
    tomorrow = time.time() + 24 * 3600
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    log.append([b"3"])
    files = sorted(path.name for path in tmp_path.glob("*.log"))
    assert files == [f"{0:020}.log", f"{2:020}.log"]
    log.expire(12 * 3600)
    assert [record for _, record in log.read(0, 10)] == []
    log.close()


@pytest.fixture
def ticking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PartitionLog:
    """A log of ten records in four files: each is appended a second after the one before it."""
    log = PartitionLog(tmp_path, durable=False, segment_bytes=30)
    for n in range(10):
        monkeypatch.setattr(time, "time", lambda n=n: 1000.0 + n)
        log.append([b"x%d" % n])
    assert len(list(tmp_path.glob("*.log"))) > 2
    return log


def test_a_moment_is_found_in_a_log_and_in_one_that_is_opened_again(
    tmp_path: Path, ticking: PartitionLog
) -> None:
    def check(log: PartitionLog) -> None:
        for at in (-5, 0, 0.5, 3, 3.1, 8.5, 99):
            first = min(10, max(0, math.ceil(at)))
            assert first - 1 <= log.since(1000.0 + at) <= first

    check(ticking)
    ticking.close()
    again = PartitionLog(tmp_path, durable=False)
    check(again)
    again.close()


def test_an_index_of_moments_that_is_lost_or_torn_costs_only_time(
    tmp_path: Path, ticking: PartitionLog
) -> None:
    ticking.close()
    first, *_, last = sorted(tmp_path.glob("*.times"))
    last.write_bytes(b"")
    first.write_bytes(first.read_bytes()[:-5])
    again = PartitionLog(tmp_path, durable=False)
    for at in range(10):
        assert again.since(1000.0 + at) <= at
    assert again.since(1099.0) > 5
    again.close()


def test_an_index_of_moments_goes_with_its_file(tmp_path: Path, ticking: PartitionLog) -> None:
    for path in sorted(tmp_path.glob("*.log"))[:-1]:
        os.utime(path, (0, 0))
    ticking.expire(100)
    assert len(list(tmp_path.glob("*.times"))) == len(list(tmp_path.glob("*.log"))) == 1
    assert ticking.since(0) == ticking.start > 0
    ticking.close()


def test_a_clock_that_goes_back_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PartitionLog(tmp_path, durable=False)
    for n, at in enumerate((1000.0, 1010.0, 1003.0, 1020.0)):
        monkeypatch.setattr(time, "time", lambda at=at: at)
        log.append([b"%d" % n])
    assert log.since(1002.0) <= 1
    assert log.since(1003.0) <= 2
    log.close()


def test_old_files_are_not_held_open(tmp_path: Path) -> None:
    log = PartitionLog(tmp_path, durable=False, segment_bytes=1)
    for n in range(5):
        log.append([b"%d" % n])
    again = PartitionLog(tmp_path, durable=False, segment_bytes=1)
    held = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.exists()]
    assert len([name for name in held if name.startswith(str(tmp_path))]) == 2
    assert [again.read(n, 1) for n in range(5)] == [[(n, b"%d" % n)] for n in range(5)]
    for each in (log, again):
        each.close()


def test_what_cannot_be_cut_off_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PartitionLog(tmp_path, durable=False)
    log.append([b"1"])
    write = os.pwrite

    def half(fd: int, data: bytes, at: int) -> int:
        write(fd, data[:5], at)
        raise OSError(errno.EIO, "Input/output error")

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", half)
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(Unavailable, match="Input/output"):
            log.append([b"2"])
    assert log.append([b"3"]) == 1
    assert [record for _, record in log.read(0, 10)] == [b"1", b"3"]
    log.close()


@pytest.mark.parametrize("durable", [True, False])
def test_committed_offsets_are_on_the_disk_before_they_replace_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    bus = LogBus(tmp_path, durable=durable)
    consumer = bus.subscribe("g", [FACT])
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(fd: int) -> None:
        done.append("fsync")
        fsync(fd)

    def replaced(self: Path, target: Path) -> Path:
        done.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    consumer.close()
    assert done == (["fsync", "replace"] if durable else ["replace"])
    bus.close()


@pytest.mark.parametrize("text", ["[]", "7", '{"a:0": "x"}', '{"a": 1}', "null"])
def test_offsets_of_another_shape_deliver_everything_again(
    tmp_path: Path, bus: LogBus, buses: Callable[[], LogBus], text: str
) -> None:
    _fill(bus, 1)
    bus.close()
    (tmp_path / "groups").mkdir(exist_ok=True)
    (tmp_path / "groups/g.json").write_text(text)
    assert names(drain(buses().subscribe("g", [FACT]), 1)) == ["1"]


@given(st.permutations(range(8)), st.integers(0, 8))
def test_committed_is_the_first_offset_that_is_not_acknowledged(
    order: list[int], count: int
) -> None:
    offsets = Offsets()
    offsets.take(0, 7)
    acked: set[int] = set()
    for offset in order[:count]:
        before = offsets.committed
        acked.add(offset)
        assert offsets.ack(offset) == (offsets.committed > before)
        assert offsets.committed == next(n for n in range(9) if n not in acked)
        assert not offsets.ack(offset)
