"""Runs cases of many kinds in one process, as a function would, and keeps what came of them."""

import contextlib
import gc
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from functions.hosts.adapters import Adapters
from functions.hosts.function import FunctionApp
from functions.targets import BY_NAME
from local.server import Server
from tests.fuzz.harness import Ending, descriptors, ending, resident, sandboxed
from tests.fuzz.health import Health, watched
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import KINDS, seed

SLOTS = 2
GROWTH = 50 << 20
MIB = 1 << 20


def case(seed_of_run: int, kind: str, number: int) -> bytes:
    """Return the bytes of one case: the same for the same seed, kind and number."""
    rng = random.Random(f"{seed_of_run}/{kind}/{number}")
    valid = seed(kind).data
    other = seed(rng.choice(KINDS)).data if rng.random() < 0.5 else valid
    return mutated(kind, valid, other, rng)


@dataclass
class Kind:
    """What came of the cases of one kind."""

    name: str
    reasons: Counter[str] = field(default_factory=Counter)
    faults: dict[int, Ending] = field(default_factory=dict)
    contained: dict[int, Ending] = field(default_factory=dict)
    slowest: float = 0.0
    slowest_case: int = 0
    seconds: float = 0.0
    grown: int = 0

    def add(self, number: int, found: Ending) -> None:
        self.reasons[found.reason] += 1
        if found.seconds > self.slowest:
            self.slowest, self.slowest_case = found.seconds, number
        if found.is_fault:
            self.faults[number] = found
        if found.is_contained:
            self.contained[number] = found

    def line(self) -> str:
        reasons = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common())
        return (
            f"{self.name:<6} {self.reasons.total():>6} {self.seconds:>6.0f} s"
            f" {self.slowest:>7.2f} s (case {self.slowest_case})"
            f" {self.grown / MIB:>+6.1f} MiB  {reasons}"
        )


@dataclass
class Report:
    """What came of a run; `left` names what was found in the folder for temporary files."""

    kinds: list[Kind] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    grown: int = 0
    descriptors: int = 0
    left: set[str] = field(default_factory=set)

    def contained(self) -> list[str]:
        """Return which cases ended with their child, in words."""
        return [
            f"{kind.name} case {number}: {end.reason} {end.detail} after {end.seconds:.1f} s"
            for kind in self.kinds
            for number, end in kind.contained.items()
        ]

    def wrong(self) -> list[str]:
        """Return what must not be, in words."""
        found = [
            f"{kind.name} case {number}: {end.reason} {end.detail}"
            for kind in self.kinds
            for number, end in kind.faults.items()
        ]
        if self.grown > GROWTH:
            found.append(f"the process has grown by {self.grown / MIB:.1f} MiB")
        if self.descriptors > 0:
            found.append(f"{self.descriptors} descriptors were left open")
        if self.left:
            found.append(f"left behind: {', '.join(sorted(self.left)[:5])}")
        if self.health.silent:
            found.append(f"its health was not told {self.health.silent} times")
        return found


def run(seed_of_run: int, kinds: Sequence[str], cases: Sequence[int], told: bool = False) -> Report:
    """Take every case through the sandbox, two at a time, and measure this process meanwhile."""
    report = Report()
    app = FunctionApp(BY_NAME["segment"], Adapters())
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_temporary_folder())
        server = stack.enter_context(Server(app, "127.0.0.1", 0))
        sandbox = stack.enter_context(sandboxed())
        threads = stack.enter_context(ThreadPoolExecutor(SLOTS))

        def end(kind: str, number: int) -> Ending:
            data = case(seed_of_run, kind, number)
            return ending(sandbox, data, seed(kind).filename, number)

        for kind in kinds:  # what is loaded once is no growth
            ending(sandbox, seed(kind).data, seed(kind).filename)
        gc.collect()
        before, open_before = resident(), descriptors()
        with watched(server.url, "/health/liveness") as report.health:
            for kind in kinds:
                report.kinds.append(found := Kind(kind))
                began, at = time.perf_counter(), resident()
                for number, ended in zip(
                    cases, threads.map(partial(end, kind), cases), strict=True
                ):
                    found.add(number, ended)
                found.seconds, found.grown = time.perf_counter() - began, resident() - at
                report.left |= {path.name for path in folder.iterdir()}
                if told:
                    print(found.line(), flush=True)
        gc.collect()
        report.grown, report.descriptors = resident() - before, descriptors() - open_before
    return report


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Have this process put its temporary files where nobody else does."""
    former = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="dataflux-fuzz-") as name:
        tempfile.tempdir = name
        try:
            yield Path(name)
        finally:
            tempfile.tempdir = former
