"""The embedded bus does what every bus does, and survives crashes, damage and full disks."""

import errno
import logging
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
from events import codec
from events.bus import Bus
from events.log_bus import LogBus
from events.offsets import Offsets
from events.partition_log import PartitionLog
from tests.contracts.bus import FACT, LONG_S, BusContract, drain, event, names

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


class TestLogBus(BusContract):
    @pytest.fixture
    def bus(self, buses: Callable[[], LogBus]) -> Bus:
        return buses()

    @pytest.fixture
    def reopen(self, bus: Bus, buses: Callable[[], LogBus]) -> Callable[[], Bus]:
        def again() -> Bus:
            bus.close()
            return buses()

        return again


def test_a_durable_bus_is_the_same(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    _fill(bus, 1, 2)
    assert names(bus.tail(FACT)) == ["1", "2"]
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


def test_what_is_no_event_is_delivered_as_such(tmp_path: Path, buses: Callable[[], LogBus]) -> None:
    bus = buses()
    _fill(bus, 1)
    folder = _file(tmp_path).parent
    log = PartitionLog(folder)
    log.append([b'{"specversion": "1.0"}', b"nonsense", codec.dumps(event(2))], sync=False)
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

    def late(topic: str, partition: int) -> PartitionLog:
        bus.close()
        return log_of(topic, partition)

    monkeypatch.setattr(bus, "_log", late)
    assert consumer.poll(1, LONG_S) == []


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
        assert log.append([b"%02d" % n * 10, b"x"], sync=False) == 2 * n
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
        log.append([codec.dumps(event(n))], sync=False)
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
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) - 10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
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
        patch.setattr(Path, "write_text", full)
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
    log.append([b"x"], sync=False)
    log.close()
    with (tmp_path / "other").open("wb") as other:
        with pytest.raises(Unavailable, match="closed"):
            log.append([b"y"], sync=False)
        assert log.read(0, 10) == []
        other.write(b"mine")
    assert (tmp_path / "other").read_bytes() == b"mine"


def test_the_frame_of_a_record_is_its_length_and_checksum(tmp_path: Path) -> None:
    log = PartitionLog(tmp_path)
    log.append([b"abc"], sync=True)
    log.close()
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == b"\0\0\0\x03" + zlib.crc32(b"abc").to_bytes(4, "big") + b"abc"


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
