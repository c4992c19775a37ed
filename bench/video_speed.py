"""What finding scenes costs beside decoding alone, and how many scenes are found.

Makes its own film, so that it needs nothing; the two are run in turns, so that a busy machine slows
both. The ratio says more than the seconds. Run: python -m bench.video_speed [SECONDS] [HEIGHT]
"""

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from analyzers import containers
from analyzers.api import Segment
from analyzers.video.frames import THREADS
from analyzers.video.segmenter import VideoSegmenter
from bench.films import RATE, Truth, write

ROUNDS = 3
SEED = 7
CUT, SLOW = 2, 8
"""A cut is found within so many pictures, a dissolve or a fade within so many around it."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock and of the processors."""

    wall: float
    cpu: float


def main(seconds: float, height: int) -> None:
    size = round(height * 16 / 9), height
    with tempfile.TemporaryDirectory(prefix="dataflux-bench-") as folder:
        path = Path(folder) / "film.mp4"
        truth = write(path, seconds, size, SEED)
        _head(path, seconds, size)
        costs, found = _measured(path)
    for name, cost in costs.items():
        print(
            f"{name:14} {cost.cpu / seconds:.3f} CPU s, {cost.wall / seconds:.3f} s"
            f" a second of film ({seconds / cost.wall:.1f} times real time)"
        )
    least, whole = costs["decoding"], costs["with scenes"]
    print(f"with scenes / decoding: CPU {whole.cpu / least.cpu:.3f}, clock", end=" ")
    print(f"{whole.wall / least.wall:.3f}")
    print(_score(truth, found))


def _head(path: Path, seconds: float, size: tuple[int, int]) -> None:
    codec = av.library_versions["libavcodec"]
    print(f"Python {platform.python_version()}, PyAV {av.__version__}, libavcodec {codec}")
    rate = path.stat().st_size * 8 / seconds / 1e6
    print(f"{seconds:.0f} s of H.264, {size[0]}x{size[1]}, {RATE} a second, {rate:.1f} Mbit/s")


def _measured(path: Path) -> tuple[dict[str, Cost], list[float]]:
    """Return the median costs of both, and the times at which scenes begin."""
    analyzer = VideoSegmenter()
    analyzer.load()
    found: list[float] = []

    def scenes() -> None:
        with path.open("rb") as file:
            read = [s for s in analyzer.extract_segments(file, {}) if isinstance(s, Segment)]
        found[:] = [s.start_marker["time"] for s in read if s.type == "scene"]

    runs = {"decoding": lambda: _decode(path), "with scenes": scenes}
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            costs[name].append(_cost(run))
    return {name: _median(each) for name, each in costs.items()}, found


def _decode(path: Path) -> None:
    with path.open("rb") as file, containers.opened(file) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        for _ in container.decode(stream):
            pass


def _cost(run: Callable[[], None]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
    )


def _score(truth: Truth, found: list[float]) -> str:
    """Count what was found of each kind; one film says little, but a loss shows."""
    left = {round(time * RATE) for time in found[1:]}
    hits = dict.fromkeys(sorted({kind for kind, _, _ in truth.changes}), 0)
    for kind, first, last in truth.changes:
        around = CUT if kind == "cut" else SLOW
        near = {n for n in left if first - around <= n <= last + around}
        left -= near
        hits[kind] += bool(near)
    kinds = [kind for kind, _, _ in truth.changes]
    parts = [f"{kind} {count} of {kinds.count(kind)}" for kind, count in hits.items()]
    return f"found: {', '.join(parts)}; false {len(left)}, with {len(truth.flashes)} flashes"


if __name__ == "__main__":
    given = sys.argv[1:]
    main(float(given[0]) if given else 20.0, int(given[1]) if len(given) > 1 else 1080)
