"""What finding scenes costs beside decoding alone and beside PySceneDetect, and what is found.

Makes its own films, so that it needs nothing; all are run in turns, so that a busy machine slows
each. The ratios say more than the seconds. Quality is that of generated films: it shows a loss, and
proves nothing of real ones. Run: python -m bench.video_speed [SECONDS] [HEIGHT] [SEED…]
"""

import csv
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import av

from analyzers import containers
from analyzers.api import Segment
from analyzers.video.frames import THREADS
from analyzers.video.segmenter import VideoSegmenter
from bench.films import RATE, Truth, write

ROUNDS = 3
SEEDS = (7, 11, 23)
"""None of them was looked at when thresholds were set."""
CUT, SLOW = 2, 8
"""A cut is found within so many pictures, a dissolve or a fade within so many around it."""
MODES = ("exact", "fast", "compressed")
DETECTORS = ("detect-content", "detect-adaptive", "detect-hist")
Found = list[int]
"""Pictures at which scenes begin."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock and of the processors, children included."""

    wall: float
    cpu: float


def main(seconds: float, height: int, seeds: Sequence[int]) -> None:
    size = round(height * 16 / 9), height
    codec = av.library_versions["libavcodec"]
    print(
        f"Python {platform.python_version()}, PyAV {av.__version__}, libavcodec {codec}", end=", "
    )
    print(f"PySceneDetect {version('scenedetect-headless')}")
    scores: dict[str, Score] = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="dataflux-bench-") as folder:
            path = Path(folder) / "film.mp4"
            truth = write(path, seconds, size, seed)
            rate = path.stat().st_size * 8 / seconds / 1e6
            print(f"seed {seed}: {seconds:.0f} s of H.264, {size[0]}x{size[1]}, {rate:.1f} Mbit/s")
            costs, found = _measured(path)
            _print(costs, seconds)
            for name, frames in found.items():
                scores[name] = scores.get(name, Score()) + score(truth, frames)
    print(f"found, all {len(seeds)} films together:")
    for name, each in scores.items():
        print(f"  {name:16} {each}")


def _measured(path: Path) -> tuple[dict[str, Cost], dict[str, Found]]:
    """Return the median costs of each, and what each has found."""
    analyzer, found = VideoSegmenter(), dict[str, Found]()
    analyzer.load()

    def scenes(mode: str) -> Callable[[], None]:
        def run() -> None:
            with path.open("rb") as file:
                items = [*analyzer.extract_segments(file, {"scenes": mode})]
            starts = [i.start_marker["time"] for i in items if isinstance(i, Segment)]
            found[mode] = [round(start * RATE) for start in starts[1:]]

        return run

    def detect(detector: str) -> Callable[[], None]:
        def run() -> None:
            found[detector] = pyscenedetect(path, detector)

        return run

    runs: dict[str, Callable[[], None]] = {"decoding": lambda: _decode(path)}
    runs |= {mode: scenes(mode) for mode in MODES}
    runs |= {detector: detect(detector) for detector in DETECTORS}
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            costs[name].append(_cost(run))
    return {name: _median(each) for name, each in costs.items()}, found


def pyscenedetect(path: Path, detector: str) -> Found:
    """Run the command line of PySceneDetect with its defaults."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scenedetect", "-q", "-i", str(path), "-o", folder]
        subprocess.run([*command, detector, "list-scenes", "-q"], check=True, capture_output=True)
        (listed,) = Path(folder).glob("*.csv")
        rows = [row for row in csv.reader(listed.open()) if row and row[0].isdigit()]
    return [int(row[1]) - 1 for row in rows[1:]]


def _decode(path: Path) -> None:
    with path.open("rb") as file, containers.opened(file) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        for _ in container.decode(stream):
            pass


def _cpu() -> float:
    used = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _cost(run: Callable[[], None]) -> Cost:
    wall, cpu = time.perf_counter(), _cpu()
    run()
    return Cost(time.perf_counter() - wall, _cpu() - cpu)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
    )


def _print(costs: dict[str, Cost], seconds: float) -> None:
    least, peer = costs["decoding"], costs["detect-content"]
    for name, cost in costs.items():
        print(
            f"  {name:16} {cost.cpu / seconds:.3f} CPU s, {cost.wall / seconds:.3f} s a second;"
            f" decoding / it: CPU {least.cpu / cost.cpu:.2f}; detect-content / it:"
            f" clock {peer.wall / cost.wall:.2f}, CPU {peer.cpu / cost.cpu:.2f}"
        )


@dataclass(frozen=True)
class Score:
    """Changes that there are and that were found, and what else was taken for one."""

    cuts: tuple[int, int] = (0, 0)
    slow: tuple[int, int] = (0, 0)
    false: int = 0

    def __add__(self, other: "Score") -> "Score":
        cuts, slow = (
            (one[0] + two[0], one[1] + two[1])
            for one, two in ((self.cuts, other.cuts), (self.slow, other.slow))
        )
        return Score((cuts[0], cuts[1]), (slow[0], slow[1]), self.false + other.false)

    def __str__(self) -> str:
        right, there = self.cuts[0] + self.slow[0], self.cuts[1] + self.slow[1]
        f1 = 2 * right / (there + right + self.false)
        parts = f"cuts {self.cuts[0]} of {self.cuts[1]}, slow {self.slow[0]} of {self.slow[1]}"
        return f"F1 {f1:.3f} ({parts}, false {self.false})"


def score(truth: Truth, found: Found) -> Score:
    """Hold what was found against what there is; each picture counts for one change."""
    left, hits = set(found), {"cut": 0, "slow": 0}
    there = {"cut": 0, "slow": 0}
    for kind, first, last in truth.changes:
        kind = "cut" if kind == "cut" else "slow"
        around = CUT if kind == "cut" else SLOW
        near = {n for n in left if first - around <= n <= last + around}
        left -= {min(near)} if near else set()
        hits[kind] += bool(near)
        there[kind] += 1
    return Score((hits["cut"], there["cut"]), (hits["slow"], there["slow"]), len(left))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        float(given[0]) if given else 60.0,
        int(given[1]) if len(given) > 1 else 1080,
        [int(seed) for seed in given[2:]] or SEEDS,
    )
