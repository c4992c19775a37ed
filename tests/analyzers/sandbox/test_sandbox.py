"""What a sealed child may not do, and how each of its ends is told."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from analyzers.api import Artifact, Segment
from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from analyzers.sandbox.limits import GIB
from dataflux.errors import DataFluxError, MediaFailed, Unavailable
from schemas.names import Reason
from tests.analyzers.sandbox.rogues import ENTRIES, PROBES, segment


class Held:
    """Bytes as a source: with a descriptor, or as ranges that the parent serves."""

    def __init__(self, data: bytes, *, ranges: bool = False) -> None:
        self._fd = os.memfd_create("held")
        os.write(self._fd, data)
        self.size, self._ranges = len(data), ranges

    def __del__(self) -> None:
        os.close(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def fileno(self) -> int | None:
        return None if self._ranges else self._fd


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    limits = Limits(
        wall_s=3.0,
        cpu_s=1,
        output=40 << 20,
        memory={"media": 1 * GIB},
        resident={"media": GIB // 4},
    )
    made = Sandbox(Registry(ENTRIES), limits=limits)
    yield made
    made.close()


def run(sandbox: Sandbox, what: str, *, ranges: bool = False) -> list[Segment | Artifact]:
    source = Held(what.encode(), ranges=ranges)
    return list(sandbox.extract(source, "rogue", None, {}))


@pytest.mark.parametrize("probe", sorted(PROBES))
def test_the_seal_refuses(sandbox: Sandbox, probe: str) -> None:
    (found,) = run(sandbox, probe)
    assert isinstance(found, Artifact)
    assert json.loads(found.data)["refused"] in ("EPERM", "EACCES")


@pytest.mark.parametrize(
    ("what", "reason", "limit"),
    [
        ("segfault", Reason.DECODER_CRASHED, None),
        ("abort", Reason.DECODER_CRASHED, None),
        ("spin", Reason.DECODE_TIMEOUT, "cpu"),
        ("sleep", Reason.DECODE_TIMEOUT, "wall"),
        ("flood", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("garbage", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("array", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("huge", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("exit", Reason.DECODER_CRASHED, None),
        ("broken", Reason.CORRUPT_MEDIA, None),
        ("confidence", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("domain", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("deep", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("keyless", Reason.ANALYZER_INVALID_OUTPUT, None),
    ],
)
def test_every_end_has_a_reason(
    sandbox: Sandbox, what: str, reason: Reason, limit: str | None
) -> None:
    with pytest.raises(MediaFailed) as failed:
        run(sandbox, what)
    assert (failed.value.reason, failed.value.limit) == (reason, limit)
    (found,) = run(sandbox, "echo still here")
    assert isinstance(found, Artifact)
    assert found.data == b"still here"


def test_memory_is_bounded_twice(sandbox: Sandbox) -> None:
    with pytest.raises(MediaFailed) as failed:
        run(sandbox, "eat")
    assert failed.value.reason is Reason.DECODER_OOM
    assert failed.value.limit in ("rss", "address space")


def test_ranges_and_descriptors_give_the_same(sandbox: Sandbox) -> None:
    (by_fd,), (by_range,) = run(sandbox, "echo abc"), run(sandbox, "echo abc", ranges=True)
    assert by_fd == by_range


def _caught(sandbox: Sandbox, what: str, outcome: list[BaseException]) -> None:
    with pytest.raises(DataFluxError) as failed:
        run(sandbox, what)
    outcome.append(failed.value)


def wait_until(condition: Callable[[], object], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_jobs_run_side_by_side(sandbox: Sandbox) -> None:
    slow = threading.Thread(target=_caught, args=(sandbox, "sleep", []))
    slow.start()
    began = time.monotonic()
    (found,) = run(sandbox, "echo quick")
    assert isinstance(found, Artifact)
    assert time.monotonic() - began < 2
    slow.join()


def test_a_source_that_fails_does_not_hang(sandbox: Sandbox) -> None:
    class Gone(Held):
        def read(self, offset: int, length: int) -> bytes:
            raise OSError(5, "the object store is gone")

    with pytest.raises(OSError, match="gone"):
        list(sandbox.extract(Gone(b"echo x", ranges=True), "rogue", None, {}))


def test_one_analyzer_failing_leaves_the_others(sandbox: Sandbox) -> None:
    one = segment(renditions={"keyframe": b"12345"})
    found = {name: result for _, name, result in sandbox.analyze([one], ["bad@1", "good@1"], {})}
    assert isinstance(found["bad@1"], MediaFailed)
    assert found["bad@1"].reason is Reason.INTERNAL_ERROR
    assert not isinstance(found["good@1"], MediaFailed)
    assert found["good@1"].features == {"visual": {"size": {"bytes": 5}}}


def _zygotes() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [p for p in children if any("zygote.py" in part for part in p.cmdline())]


def test_a_dead_zygote_is_replaced_and_its_jobs_are_to_be_tried_again() -> None:
    """It is nobody's file that has ended it: no asset must be recorded as broken."""
    with contextlib.closing(Sandbox(Registry(ENTRIES))) as sandbox:
        run(sandbox, "echo start")
        zygote = newest_zygote()
        outcome: list[BaseException] = []
        thread = threading.Thread(target=_caught, args=(sandbox, "sleep", outcome))
        thread.start()
        wait_until(zygote.children)
        (child,) = zygote.children()
        zygote.kill()
        thread.join(20)
        assert isinstance(outcome[0], Unavailable)
        wait_until(lambda: not child.is_running())
        (found,) = run(sandbox, "echo again")
        assert isinstance(found, Artifact)


def newest_zygote() -> psutil.Process:
    return max(_zygotes(), key=lambda process: process.create_time())


def test_closing_leaves_nothing_behind() -> None:
    before = {p.pid for p in _zygotes()}
    fds = len(list(Path("/proc/self/fd").iterdir()))
    sandbox = Sandbox(Registry(ENTRIES))
    run(sandbox, "echo x", ranges=True)
    with pytest.raises(MediaFailed):
        run(sandbox, "segfault")
    sandbox.close()
    assert {p.pid for p in _zygotes()} == before
    assert len(list(Path("/proc/self/fd").iterdir())) == fds


def test_an_abandoned_job_is_ended(sandbox: Sandbox) -> None:
    jobs = sandbox.extract(Held(b"flood"), "rogue", None, {})
    next(jobs)
    del jobs  # a generator that is dropped is closed
    (zygote,) = [p for p in _zygotes() if p.ppid() == os.getpid()][:1]
    wait_until(lambda: not zygote.children())


def test_the_level_is_told(sandbox: Sandbox) -> None:
    level = sandbox.level()
    assert {"namespaces", "rlimits", "capabilities", "landlock", "seccomp"} <= set(level)
    assert "refused" not in level["seccomp"]
