"""Whether a film's pieces share its work among processes, and whether memory stays as it is.

A film is made longer by copying its packets again and again. Each worker has one core to itself, as
it has where functions are spread over machines; with fewer cores than workers nothing is said.
Run: python -m bench.video_scale FILM [--workers 1 2] [--rounds 3] [--hours 1]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av

FAN_OUT_S = 240
"""Length of the film whose pieces are shared: six of them."""
MINUTE = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--mode", default="exact")
    parser.add_argument("--pieces", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pieces:
        _work(given.film, json.loads(given.pieces), given.mode)
        return
    with tempfile.TemporaryDirectory(prefix="dataflux-bench-") as folder:
        if given.workers:
            _fan_out(repeated(given.film, Path(folder) / "some.mp4", FAN_OUT_S), given)
        if given.hours:
            _memory(given, Path(folder))


def repeated(film: Path, path: Path, seconds: float) -> Path:
    """Write a film of at least that length from the packets of one, each time later."""
    with av.open(str(film)) as first, av.open(str(path), "w") as out:
        stream = first.streams.video[0]
        made = out.add_stream_from_template(stream)
        base: Any = first.streams.video[0].time_base
        ends = [(p.pts or 0) + (p.duration or 0) for p in first.demux(stream) if p.size]
        length = max(ends) - (stream.start_time or 0)
        times = -(-round(seconds / base) // length)
        for number in range(times):
            with av.open(str(film)) as source:
                for packet in source.demux(source.streams.video[0]):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.pts += number * length
                        packet.dts += number * length
                        packet.stream = made
                        out.mux(packet)
    return path


def _fan_out(film: Path, given: Any) -> None:
    from analyzers.video.segmenter import VideoSegmenter

    with film.open("rb") as file:
        pieces = [[p.start, p.end] for p in VideoSegmenter().plan_pieces(file, {})]
    print(f"{len(pieces)} pieces, {given.mode}, {os.cpu_count()} cores")
    walls: dict[int, list[float]] = {count: [] for count in given.workers}
    for _ in range(given.rounds):
        for count in given.workers:
            walls[count].append(_shared(film, pieces, count, given.mode))
    least = statistics.median(walls[given.workers[0]])
    for count, each in walls.items():
        wall = statistics.median(each)
        print(
            f"  {count} processes: {wall:.2f} s, {least / wall:.2f} times as fast as the first row"
        )


def _shared(film: Path, pieces: list[list[float]], count: int, mode: str) -> float:
    """Return the seconds in which so many processes, a core each, look at all pieces."""
    cores = sorted(os.sched_getaffinity(0))
    began = time.perf_counter()
    workers = []
    for number in range(count):
        core = str(cores[number % len(cores)])
        told = json.dumps(pieces[number::count])
        command = [sys.executable, "-m", "bench.video_scale", str(film), "--pieces", told]
        workers.append(subprocess.Popen(["taskset", "-c", core, *command, "--mode", mode]))
    if any(worker.wait() for worker in workers):
        raise SystemExit("a worker has failed")
    return time.perf_counter() - began


def _work(film: Path, pieces: list[list[float]], mode: str) -> None:
    from analyzers.api import Range
    from analyzers.video.segmenter import VideoSegmenter

    for start, end in pieces:
        config = {"scenes": mode, "piece": Range("time", start, end)}
        with film.open("rb") as file:
            for _ in VideoSegmenter().extract_segments(file, config):
                pass


def _memory(given: Any, folder: Path) -> None:
    """Print the most memory of a process that looks at a minute in one go, and at hours of it."""
    most = {}
    for seconds in (MINUTE, round(given.hours * 3600)):
        film = repeated(given.film, folder / f"{seconds}.mp4", seconds)
        command = [sys.executable, "-m", "bench.video_scale", str(film), "--pieces", "[[0, 1e9]]"]
        child = subprocess.Popen([*command, "--mode", given.mode])
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit("a worker has failed")
        most[seconds] = used.ru_maxrss / 1024
        print(f"  {seconds} s in one go, {given.mode}: {most[seconds]:.0f} MiB at most", flush=True)
        film.unlink()
    first, last = most.values()
    print(f"  memory: {100 * (last / first - 1):+.1f} %")


if __name__ == "__main__":
    main()
