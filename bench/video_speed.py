"""What finding scenes costs beside decoding alone and beside PySceneDetect, and what is found.

Each runs in a process of its own, in turns, so that a busy machine slows all of them; the ratios
say more than the seconds, and those of CPU seconds more than those of the clock. `python -m
bench.films` writes films; those whose names differ only in a number are one set.
Run: python -m bench.video_speed FOLDER [--rounds 3] [--only SET…] [--modes exact fast compressed]
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.changes import Found, Score, score

MODES = ("exact", "fast", "compressed")
DETECTORS = ("detect-content", "detect-adaptive", "detect-hist")
WHOLE = "all of exact"
"""With key frames, thumbnails and sheets of small pictures, which the others do not make."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock and of the processors, and the most memory in MiB, of a process.

    And the seconds of the processors without its start, as far as it tells.
    """

    wall: float
    cpu: float
    memory: float
    work: float = 0.0


def main() -> None:
    given = _given()
    if given.run:
        _run(given.run, given.folder)
        return
    print(_versions())
    sets: dict[str, list[Path]] = defaultdict(list)
    for film in sorted(given.folder.glob("*.mp4")):
        if film.with_suffix(".json").exists():
            sets[film.stem.rstrip("0123456789")].append(film)
    for name, films in sets.items():
        if not given.only or name in given.only:
            _report(name, films, given.rounds, given.modes)


def _given() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], metavar="SET")
    parser.add_argument("--modes", nargs="*", default=MODES, metavar="MODE")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    return parser.parse_args()


def _versions() -> str:
    import av

    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    return (
        f"Python {platform.python_version()}, PyAV {av.__version__}, libavcodec {codec},"
        f" PySceneDetect {version('scenedetect-headless')}, {os.cpu_count()} cores"
    )


def _report(name: str, films: list[Path], rounds: int, modes: list[str]) -> None:
    costs: dict[str, list[Cost]] = defaultdict(list)
    scores: dict[str, Score] = defaultdict(Score)
    seconds = 0.0
    for film in films:
        truth = json.loads(film.with_suffix(".json").read_text())
        seconds += truth["frames"] / truth["fps"]
        for row, (cost, found) in _measured(film, rounds, truth["fps"], modes).items():
            costs[row].append(cost)
            if found is not None:
                scores[row] += score(truth, found)
    rate = sum(film.stat().st_size for film in films) * 8 / seconds / 1e6
    print(f"\n{name}: {len(films)} films, {seconds:.0f} s, {rate:.1f} Mbit/s, {rounds} rounds")
    _print_costs({row: _sum(each) for row, each in costs.items()}, seconds)
    for row, each in scores.items():
        print(f"  {row:16} {each}")
    for row in modes:
        print(f"  {row}: what there is -> what is found: {scores[row].confusion()}")


def _measured(
    film: Path, rounds: int, rate: float, modes: list[str]
) -> dict[str, tuple[Cost, Found | None]]:
    """Return the median cost of each way to look at a film, and what it finds."""
    rows: dict[str, Callable[[], tuple[Cost, Found | None]]] = {}
    for name in ("decoding", *modes, WHOLE):
        rows[name] = lambda name=name: _ours(name, film, rate)  # type: ignore[misc]
    for name in DETECTORS:
        rows[name] = lambda name=name: pyscenedetect(name, film)  # type: ignore[misc]
    runs = [{name: row() for name, row in rows.items()} for _ in range(rounds)]
    return {name: (_median([run[name][0] for run in runs]), runs[0][name][1]) for name in rows}


def _ours(name: str, film: Path, rate: float) -> tuple[Cost, Found | None]:
    command = [sys.executable, "-m", "bench.video_speed", str(film), "--run", name]
    cost, told = _cost(command)
    found = None if told["found"] is None else [(k, round(at * rate)) for at, k in told["found"]]
    return replace(cost, work=told["work"]), found


def pyscenedetect(detector: str, film: Path) -> tuple[Cost, Found]:
    """Run the command line of PySceneDetect with its defaults; it does not tell kinds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scenedetect", "-q", "-i", str(film), "-o", folder]
        cost, _ = _cost([*command, detector, "list-scenes", "-q"])
        (listed,) = Path(folder).glob("*.csv")
        rows = [row for row in csv.reader(listed.open()) if row and row[0].isdigit()]
    return cost, [("untold", int(row[1]) - 1) for row in rows[1:]]


def _cost(command: list[str]) -> tuple[Cost, Any]:
    """Run a command to its end; return what it has cost, and what it has told as JSON."""
    with tempfile.TemporaryFile() as told:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=told, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        if child.returncode:
            raise SystemExit(f"{' '.join(command)}: ended with {child.returncode}")
        told.seek(0)
        text = told.read()
    cost = Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    return cost, json.loads(text) if text.startswith(b"{") else None


def _run(name: str, film: Path) -> None:
    """Look at a film in one way, in this process, and tell what is found and what it has cost."""
    import numpy  # noqa: F401 - only loads it

    from analyzers import containers
    from analyzers.video.changes import Change
    from analyzers.video.segmenter import VideoSegmenter

    analyzer, found = VideoSegmenter(), None
    analyzer.load() if name == WHOLE else containers.load()
    began = time.process_time()
    with film.open("rb") as file:
        if name == "decoding":
            _decode(film)
        elif name == WHOLE:
            for _ in analyzer.extract_segments(file, {"scenes": "exact"}):
                pass
        else:
            changes = analyzer.changes(file, {"scenes": name})
            found = [(at, kind) for at, kind in changes if kind is not Change.START]
    print(json.dumps({"found": found, "work": time.process_time() - began}))


def _decode(film: Path) -> None:
    import av

    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        *(statistics.median(getattr(c, part) for c in costs) for part in Cost.__annotations__)
    )


def _sum(costs: list[Cost]) -> Cost:
    most = max(cost.memory for cost in costs)
    wall, cpu, work = (sum(getattr(c, part) for c in costs) for part in ("wall", "cpu", "work"))
    return Cost(wall, cpu, most, work)


def _print_costs(costs: dict[str, Cost], seconds: float) -> None:
    least, peer = costs["decoding"], costs["detect-content"]
    for name, cost in costs.items():
        print(
            f"  {name:16} {cost.cpu / seconds:.3f} CPU s, {cost.wall / seconds:.3f} s a second,"
            f" {cost.memory:.0f} MiB;"
            f" decoding / it: CPU {least.work / (cost.work or cost.cpu):.3f};"
            f" detect-content / it: clock {peer.wall / cost.wall:.2f},"
            f" CPU {peer.cpu / cost.cpu:.2f}"
        )


if __name__ == "__main__":
    main()
