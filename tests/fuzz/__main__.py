"""`make fuzz`: changes valid files of every kind and says how each ended.

A case is replayed with the seed of its run: `python -m tests.fuzz --seed 7 --kind gif --case 1203`.
"""

import argparse
import secrets
import sys
import time
from pathlib import Path

from tests.fuzz.harness import ending, sandboxed
from tests.fuzz.run import MIB, case, run
from tests.fuzz.seeds import KINDS, seed


def main() -> int:
    given = _arguments()
    kinds = given.kind or KINDS
    print(f"seed {given.seed}: `python -m tests.fuzz --seed {given.seed}` runs the same again")
    if given.case is not None:
        return _one(given.seed, kinds[0], given.case, given.save)
    began = time.perf_counter()
    print("kind    cases  took     slowest                 grown  how they ended")
    report = run(given.seed, kinds, range(given.cases), told=True)
    health = report.health
    print(
        f"{given.cases * len(kinds)} cases in {time.perf_counter() - began:.0f} s;"
        f" the process has grown by {report.grown / MIB:.1f} MiB;"
        f" health: {len(health.took)} answers, {health.slow} above 200 ms,"
        f" the slowest {health.worst * 1000:.0f} ms"
    )
    for contained in report.contained():
        print(f"LOOK   {contained}")
    for wrong in report.wrong():
        print(f"WRONG  {wrong}")
    return 1 if report.wrong() else 0


def _one(seed_of_run: int, kind: str, number: int, save: Path | None) -> int:
    data = case(seed_of_run, kind, number)
    if save:
        save.write_bytes(data)
    with sandboxed() as sandbox:
        found = ending(sandbox, data, seed(kind).filename, number)
    print(f"{kind} case {number}: {len(data)} bytes, {found.seconds:.2f} s, {found.reason}")
    print(found.detail)
    return 1 if found.is_fault else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--cases", type=int, default=2_000, help="cases a kind")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this; may be repeated")
    parser.add_argument("--case", type=int, help="one case of the first kind, by its number")
    parser.add_argument("--save", type=Path, help="where to write the bytes of that case")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
