"""What a sealed child may not do, and how each of its ends is told."""

import contextlib
import itertools
import json
import os
import threading
import time
import unittest.mock
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from analyzers.api import AnalysisResult, Artifact, Segment
from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from analyzers.sandbox.limits import GIB
from analyzers.sandbox.zygotes import Job, Zygote
from dataflux.errors import DataFluxError, MediaFailed, Unavailable
from schemas.names import Reason
from tests.analyzers.sandbox.held import Held
from tests.analyzers.sandbox.rogues import ENTRIES, segment
from tests.zygotes import zygotes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    limits = Limits(
        wall_s=2.0,
        cpu_s=1,
        output=40 << 20,
        memory={"media": 1 * GIB},
        resident={"media": GIB // 4},
    )
    made = Sandbox(Registry(ENTRIES), limits=limits)
    yield made
    made.close()


def test_an_endless_loop_runs_out_of_cpu() -> None:
    """However busy the machine is: the wall clock leaves it time to use its second."""
    sandbox = Sandbox(Registry(ENTRIES), limits=Limits(wall_s=60.0, cpu_s=1))
    try:
        with pytest.raises(MediaFailed) as failed:
            run(sandbox, "spin")
    finally:
        sandbox.close()
    assert (failed.value.reason, failed.value.limit) == (Reason.DECODE_TIMEOUT, "cpu")


def run(sandbox: Sandbox, what: str, *, ranges: bool = False) -> list[Segment | Artifact]:
    source = Held(what.encode(), ranges=ranges)
    return list(sandbox.extract(source, "rogue", None, {}))


@pytest.mark.parametrize(
    ("what", "reason", "limit"),
    [
        ("segfault", Reason.DECODER_CRASHED, None),
        ("abort", Reason.DECODER_CRASHED, None),
        ("sleep", Reason.DECODE_TIMEOUT, "wall"),
        ("flood", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("garbage", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("array", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("huge", Reason.DECODE_LIMIT_EXCEEDED, "output"),
        ("exit", Reason.DECODER_CRASHED, None),
        ("hangs up", Reason.DECODE_TIMEOUT, "wall"),
        ("real-time signal", Reason.DECODER_CRASHED, None),
        ("broken", Reason.CORRUPT_MEDIA, None),
        ("imports", Reason.INTERNAL_ERROR, None),
        ("twice", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("path as kind", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("page as type", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("not a number", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("not JSON", Reason.ANALYZER_INVALID_OUTPUT, None),
        ("backwards", Reason.ANALYZER_INVALID_OUTPUT, None),
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
    (found,) = run(sandbox, "echo: still here")
    assert isinstance(found, Artifact)
    assert found.data == b"still here"


def test_memory_is_bounded_twice(sandbox: Sandbox) -> None:
    with pytest.raises(MediaFailed) as failed:
        run(sandbox, "eat")
    assert failed.value.reason is Reason.DECODER_OOM
    assert failed.value.limit in ("rss", "address_space")


def test_ranges_and_descriptors_give_the_same(sandbox: Sandbox) -> None:
    (by_fd,), (by_range,) = run(sandbox, "echo: abc"), run(sandbox, "echo: abc", ranges=True)
    assert by_fd == by_range


def _caught(sandbox: Sandbox, what: str, outcome: list[DataFluxError]) -> None:
    with pytest.raises(DataFluxError) as failed:
        run(sandbox, what, ranges=True)
    outcome.append(failed.value)


def wait_until(condition: Callable[[], object], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("stalling", ["in pieces", "asks by half"])
def test_a_child_that_stalls_holds_up_no_other(sandbox: Sandbox, stalling: str) -> None:
    outcome: list[DataFluxError] = []
    slow = threading.Thread(target=_caught, args=(sandbox, stalling, outcome))
    slow.start()
    began = time.monotonic()
    for ranges in (True, False):
        (found,) = run(sandbox, "echo: quick", ranges=ranges)
        assert isinstance(found, Artifact)
    assert time.monotonic() - began < 1.5
    slow.join()
    assert isinstance(outcome[0], MediaFailed)
    assert outcome[0].limit == "wall"


def test_many_jobs_run_at_once(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda n: run(sandbox, f"echo: {n}", ranges=n % 2 == 0), range(40))
        assert [artifact.data for (artifact,) in found] == [b"%d" % n for n in range(40)]


def test_no_range_outside_the_file_is_served(sandbox: Sandbox) -> None:
    with pytest.raises(MediaFailed, match="outside its file"):
        run(sandbox, "asks beyond", ranges=True)


def test_no_descriptor_that_can_write_is_handed_over(sandbox: Sandbox) -> None:
    source = Held(b"map the file", writable=True)
    (found,) = sandbox.extract(source, "rogue", None, {})
    assert isinstance(found, Artifact)
    assert json.loads(found.data)["refused"]
    assert source.read(0, 20) == b"map the file"


def test_time_the_caller_takes_is_not_the_childs(sandbox: Sandbox) -> None:
    found = sandbox.extract(Held(b"flood"), "rogue", None, {})
    next(found)
    time.sleep(2.2)  # longer than the wall clock allows the child
    assert isinstance(next(found), Artifact)
    del found


def test_strings_and_numbers_are_what_stores_can_hold(sandbox: Sandbox) -> None:
    (found,) = run(sandbox, "no text")
    assert isinstance(found, Segment)
    assert found.features == {"visual": {"x": "abc", "n": 1e40}}


def test_a_child_cannot_write_to_our_terminal(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    (found,) = run(sandbox, "prints")
    assert isinstance(found, Artifact)
    assert capfd.readouterr() == ("", "")


def test_what_a_sender_says_is_cut_short(sandbox: Sandbox) -> None:
    source = Held(b"a few words")
    found = sandbox.identify(source, declared="text/" + "x" * 200_000, filename="y" * 200_000)
    assert found.mime_type == "text/plain"
    assert len(found.metadata["declared"]) == 255


def test_a_shorter_object_than_announced_is_no_corrupt_file(sandbox: Sandbox) -> None:
    source = Held(b"echo: x", ranges=True)
    source.size += 10
    with pytest.raises(MediaFailed) as failed:
        list(sandbox.extract(source, "rogue", None, {}))
    assert failed.value.reason is Reason.INTEGRITY_MISMATCH


def test_a_source_that_fails_does_not_hang(sandbox: Sandbox) -> None:
    class Gone(Held):
        def read(self, offset: int, length: int) -> bytes:
            raise OSError(5, "the object store is gone")

    with pytest.raises(OSError, match="gone"):
        list(sandbox.extract(Gone(b"echo: x", ranges=True), "rogue", None, {}))


def test_one_analyzer_failing_leaves_the_others(sandbox: Sandbox) -> None:
    one = segment(renditions={"keyframe": b"12345"})
    found = {name: result for _, name, result in sandbox.analyze([one], ["bad@1", "good@1"], {})}
    assert isinstance(found["bad@1"], MediaFailed)
    assert found["bad@1"].reason is Reason.INTERNAL_ERROR
    assert not isinstance(found["good@1"], MediaFailed)
    assert found["good@1"].features == {"visual": {"size": {"bytes": 5}}}


def reasons(sandbox: Sandbox, types: list[str], analyzers: list[str]) -> dict[str, list[object]]:
    """Return by analyzer what came of each segment: a reason, or None for a result."""
    segments = [segment(key=f"{n}") for n in range(len(types))]
    for one, kind in zip(segments, types, strict=True):
        one.type = kind
    found: dict[str, list[object]] = {name: [] for name in analyzers}
    for _, name, result in sandbox.analyze(segments, analyzers, {}):
        found[name].append(result.reason if isinstance(result, MediaFailed) else None)
    return found


def test_an_analyzer_that_crashes_loses_only_that_segment(sandbox: Sandbox) -> None:
    found = reasons(sandbox, ["crash", "fine", "nan", "other"], ["bad@1", "good@1"])
    assert found["bad@1"] == [
        Reason.DECODER_CRASHED,
        Reason.ANALYZER_INVALID_OUTPUT,
        Reason.INTERNAL_ERROR,
    ]
    assert found["good@1"] == [None] * 4


def test_an_analyzer_that_crashes_again_and_again_is_given_up(sandbox: Sandbox) -> None:
    started = itertools.count()
    with unittest.mock.patch.object(Zygote, "start", _counted(Zygote.start, started)):
        found = reasons(sandbox, ["crash"] * 9, ["bad@1", "good@1"])
    assert found == {"bad@1": [Reason.DECODER_CRASHED] * 9, "good@1": [None] * 9}
    assert next(started) == 4


def test_what_an_analyzer_does_not_declare_is_refused(sandbox: Sandbox) -> None:
    assert reasons(sandbox, ["foreign"], ["bad@1"]) == {"bad@1": [Reason.ANALYZER_INVALID_OUTPUT]}


def test_every_answer_says_what_it_took(sandbox: Sandbox) -> None:
    taken: dict[tuple[str, str], float] = {}
    segments = [segment(key=f"{n}") for n in range(2)]
    segments[0].type = "busy"
    for _, name, result in sandbox.analyze(
        segments, ["bad@1", "good@1"], {}, lambda name, key, s: taken.update({(name, key): s})
    ):
        if isinstance(result, AnalysisResult):
            assert name == "good@1"
            assert result.processing_time < 0.1
    assert taken["bad@1", "0"] >= 0.2
    assert taken.keys() == {(name, key) for name in ("bad@1", "good@1") for key in "01"}


def test_a_piece_and_a_window_say_what_they_took(sandbox: Sandbox) -> None:
    spent: list[float] = []
    list(sandbox.extract(Held(b"echo: x"), "rogue", None, {}, spent.append))
    one = segment()
    one.type = "fine"
    sandbox.embed([one], "embedder", spent.append)
    assert len(spent) == 2
    assert all(0 <= seconds < 5 for seconds in spent)


def test_an_analyzer_that_hangs_is_given_up_at_once(sandbox: Sandbox) -> None:
    found = reasons(sandbox, ["sleep"] * 5, ["bad@1", "good@1"])
    assert found == {"bad@1": [Reason.DECODE_TIMEOUT] * 5, "good@1": [None] * 5}


def test_an_analyzer_without_its_model_leaves_the_others(sandbox: Sandbox) -> None:
    found = reasons(sandbox, ["fine"], ["missing@1", "good@1"])
    assert found == {"missing@1": [Reason.MODEL_UNAVAILABLE], "good@1": [None]}


def test_domains_that_nobody_wants_start_nothing(sandbox: Sandbox) -> None:
    assert list(sandbox.analyze([segment()], ["good@1"], {"visual": 0})) == []


def test_vectors_come_back(sandbox: Sandbox) -> None:
    one = segment()
    one.type = "fine"
    ((found,),) = sandbox.embed([one], "embedder")
    assert found.space == "visual/rogue@1"
    assert list(found.vector) == pytest.approx([0.6, 0.8])
    query = sandbox.embed_query("embedder", b"an image")
    assert query is not None
    assert list(query.vector) == pytest.approx([0.6, 0.8])
    assert sandbox.embed_query("embedder", b"") is None


@pytest.mark.parametrize("wrong", ["long", "nan", "short", "foreign"])
def test_vectors_that_are_none_are_refused(sandbox: Sandbox, wrong: str) -> None:
    one = segment()
    one.type = wrong
    with pytest.raises(MediaFailed) as failed:
        sandbox.embed([one], "embedder")
    assert failed.value.reason is Reason.EMBEDDING_INVALID


def _counted(start: Callable[..., Job], number: Iterator[int]) -> Callable[..., Job]:
    def counted(*arguments: object) -> Job:
        next(number)
        return start(*arguments)

    return counted


def test_a_dead_zygote_is_replaced_and_its_jobs_are_to_be_tried_again() -> None:
    """It is nobody's file that has ended it: no asset must be recorded as broken."""
    with contextlib.closing(Sandbox(Registry(ENTRIES))) as sandbox:
        run(sandbox, "echo: start")
        zygote = newest_zygote()
        outcome: list[DataFluxError] = []
        thread = threading.Thread(target=_caught, args=(sandbox, "sleep", outcome))
        thread.start()
        wait_until(zygote.children)
        (child,) = zygote.children()
        zygote.kill()
        thread.join(20)
        assert isinstance(outcome[0], Unavailable)
        wait_until(lambda: not child.is_running())
        (found,) = run(sandbox, "echo: again")
        assert isinstance(found, Artifact)


def newest_zygote() -> psutil.Process:
    return max(zygotes(), key=lambda process: process.create_time())


def test_closing_leaves_nothing_behind() -> None:
    before = {p.pid for p in zygotes()}
    fds = len(list(Path("/proc/self/fd").iterdir()))
    sandbox = Sandbox(Registry(ENTRIES))
    run(sandbox, "echo: x", ranges=True)
    with pytest.raises(MediaFailed):
        run(sandbox, "segfault")
    sandbox.close()
    assert {p.pid for p in zygotes()} == before
    assert len(list(Path("/proc/self/fd").iterdir())) <= fds


def test_an_abandoned_job_is_ended(sandbox: Sandbox) -> None:
    jobs = sandbox.extract(Held(b"pauses"), "rogue", None, {})
    next(jobs)
    del jobs  # a generator that is dropped is closed
    (zygote,) = [p for p in zygotes() if p.ppid() == os.getpid()][:1]
    wait_until(lambda: not zygote.children())


def test_the_level_is_told(sandbox: Sandbox) -> None:
    level = sandbox.level()
    assert {"namespaces", "rlimits", "capabilities", "landlock", "seccomp"} <= set(level)
    assert "refused" not in level["seccomp"]
