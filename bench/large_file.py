"""A film of some gigabytes through S3, ingest and segmentation: memory, bytes read, scenes.

Makes its film, keeps it and everything that is derived on a versitygw of its own (to build that the
first time it needs Go), and runs the emulator over it. Prints the most that each process had in
memory and how often the bytes were read; at last it compares the scenes with those that one pass
finds. The pools for text and speech take no part: they warm up for what follows.
Run: python -m bench.large_file [GIB]
"""

import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import boto3
import httpx
import psutil

from analyzers.api import Segment
from analyzers.video.segmenter import VideoSegmenter
from bench import large_film
from dataflux.settings import Settings
from local.services import s3
from local.services.instance import Instance
from local.services.versitygw import Versitygw

MIB = 1 << 20
GOAL_MIB = 300
LIMIT_S = 3600
BUCKET, OURS = "films", "dataflux"


def main(gib: float) -> None:
    with tempfile.TemporaryDirectory(prefix="dataflux-bench-") as name:
        folder = Path(name)
        film = folder / "film.mp4"
        truth = large_film.write(film, int(gib * (1 << 30)))
        size = film.stat().st_size
        print(f"Python {platform.python_version()}, PyAV {av.__version__}")
        print(f"{size / (1 << 30):.2f} GiB, {truth[-1] + large_film.SCENE_S:.0f} s of film")
        server = Instance(Versitygw(), Settings.from_env().cache_folder, folder / "versitygw")
        server.start()
        try:
            starts = _through(server, film, folder / "home")
        finally:
            server.kill()
        _compare("the cuts that were made", truth, starts)
        _compare("one pass over the whole", _in_one_piece(film), starts)


def _through(server: Instance, film: Path, home: Path) -> list[float]:
    """Bring a film in by a bucket; return when its scenes begin."""
    env = server.settings | {
        "DATAFLUX_OBJECTS": f"s3://{OURS}?endpoint={s3.endpoint(server.place.ports)}"
        f"&region={s3.REGION}"
    }
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint(server.place.ports),
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )
    for bucket in (BUCKET, OURS):
        client.create_bucket(Bucket=bucket)
        enabled = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
    client.upload_file(str(film), BUCKET, film.name)
    with _emulator(home, env) as (process, http):
        http.post("/api/v1/sources", json={"name": BUCKET, "bucket": BUCKET}).raise_for_status()
        return _watched(http, process, server, film.stat().st_size)


@contextmanager
def _emulator(home: Path, env: dict[str, str]) -> Iterator[tuple[psutil.Process, httpx.Client]]:
    variables = [f"{name}={value}" for name, value in env.items()]
    up = [sys.executable, "-m", "local", "up", "--home", str(home), "--json"]
    command = ["env", *variables, *up]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        ready = httpx.Response(200, text=run.stdout.readline()).json()
        bearer = {"authorization": f"Bearer {ready['token']}"}
        try:
            with httpx.Client(base_url=ready["url"], headers=bearer, timeout=60) as http:
                yield psutil.Process(run.pid), http
        finally:
            run.terminate()


def _watched(
    http: httpx.Client, process: psutil.Process, server: Instance, size: int
) -> list[float]:
    """Watch memory until the scenes are there; print the most of each phase."""
    memory = Memory(process)
    memory.start()
    assert server.process is not None
    for phase, reached in (("ingest", _is_asset), ("segment and stitch", _has_scenes)):
        began, read = time.perf_counter(), server.process.io_counters().read_chars
        deadline = time.monotonic() + LIMIT_S
        while not (found := reached(http)):
            if time.monotonic() > deadline:
                raise SystemExit(f"{phase} takes longer than {LIMIT_S} s")
            time.sleep(0.2)
        took = time.perf_counter() - began
        passes = (server.process.io_counters().read_chars - read) / size
        print(f"{phase}: {took:.0f} s, {passes:.2f} times the bytes of the film read")
        memory.show()
    memory.ended.set()
    memory.join()
    return [segment["start"]["time"] for segment in found]


class Memory(threading.Thread):
    """Samples the resident memory of a process and of all that it has started."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._most: dict[str, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            for each in (self._process, *self._process.children(recursive=True)):
                try:
                    name, resident = self._named(each), each.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                self._most[name] = max(resident, self._most.get(name, 0))

    def show(self) -> None:
        """Print the most so far, and begin anew."""
        most, self._most = self._most, {}
        for name, resident in sorted(most.items(), key=lambda item: -item[1]):
            mib = resident / MIB
            print(f"  {mib:5.0f} MiB  {name}{'' if mib < GOAL_MIB else '  more than the goal'}")

    def _named(self, process: psutil.Process) -> str:
        """Return the kind of a process: those of a kind are shown by the largest."""
        if process.pid == self._process.pid:
            return "emulator"
        if process.name().startswith("postgres"):
            return "postgres"
        pool = re.search(r'"pool": "(\w+)"', " ".join(process.cmdline()))
        kind = "zygote" if process.parent() == self._process else "child"
        return f"{kind} of {pool[1]}" if pool else kind


def _is_asset(http: httpx.Client) -> Any:
    return [a for a in _items(http, "/api/v1/assets") if a["run"]]


def _has_scenes(http: httpx.Client) -> list[dict[str, Any]]:
    (asset,) = _items(http, "/api/v1/assets")
    if asset["status"] == "failed":
        raise SystemExit(f"the film has failed: {asset['reason']} {asset['detail']}")
    found = _items(http, f"/api/v1/assets/{asset['id']}/segments?limit=500")
    return [segment for segment in found if segment["type"] == "scene"]


def _items(http: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = http.get(path)
    answer.raise_for_status()
    return list(answer.json()["items"])


def _in_one_piece(film: Path) -> list[float]:
    analyzer = VideoSegmenter()
    analyzer.load()
    with film.open("rb") as file:
        found = analyzer.extract_segments(file, {})
        segments = [item for item in found if isinstance(item, Segment)]
    return [item.start_marker["time"] for item in segments if item.type == "scene"]


def _compare(name: str, expected: list[float], found: list[float]) -> None:
    frame = 1 / large_film.RATE
    pairs = list(zip(expected, found, strict=False))
    worst = max((abs(a - b) for a, b in pairs), default=0.0)
    same = len(expected) == len(found) and worst <= frame + 1e-3
    print(
        f"against {name}: {len(found)} of {len(expected)} scenes, at most {worst / frame:.1f}"
        f" pictures apart{'' if same else '  NOT THE SAME'}"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
