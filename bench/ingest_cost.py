"""What it takes to ingest films: CPU seconds a second of film, by product and as a whole.

    python -m bench.ingest_cost FILM...

First the products of segmentation are made in this process, one more at a time. Then an emulator
with two slots, warm, takes each film twice: without recognition of text and speech, and with all.
CPU seconds are those of the emulator and all its children, its PostgreSQL among them; they say more
than the seconds that pass, where others work on the machine, too.
"""

import io
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import psutil

from analyzers import containers
from analyzers.api import Artifact, Range
from analyzers.audio import speech, voice
from analyzers.audio.music import Tones
from analyzers.audio.sound import first_track
from analyzers.proxy.sound import SoundProxy
from analyzers.text import reader
from analyzers.video.facts import stream_of
from analyzers.video.segmenter import VideoSegmenter

SLOTS = 2
NEITHER = {"semantic": 0, "audio": 0}
GOALS = {"without text and speech": 0.25, "all analyzers": 1.0}


def main(films: list[Path]) -> None:
    names = ("av", "numpy", "onnxruntime", "rapidocr", "pocketsphinx", "dataflux")
    said = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    print(f"Python {platform.python_version()}, FFmpeg {av.ffmpeg_version_info}, {said}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    for film in films:
        products(film)
    with emulator() as (process, client):
        ingested(client, films[0], NEITHER)  # warms it up: models are loaded once
        ingested(client, films[0], {}, "again")
        for film in films:
            for name, priorities in (("without text and speech", NEITHER), ("all analyzers", {})):
                whole(process, client, film, name, priorities)


# --- by product -----------------------------------------------------------------------------------


def products(film: Path) -> None:
    data = film.read_bytes()
    with containers.opened(io.BytesIO(data)) as container:
        length, stream = containers.seconds(container), stream_of(container)
        codec = stream.codec_context
        print(
            f"{film.name}: {codec.name} {codec.width}x{codec.height}, {length:.1f} s,"
            f" {len(data) * 8 / length / 1e6:.1f} Mbit/s"
        )
    analyzer = VideoSegmenter()
    analyzer.load()
    made = analyzer.extract_segments(io.BytesIO(data), config("never"))
    stills = [a for a in made if isinstance(a, Artifact) and a.kind == "keyframe"]
    sounding = samples(data)
    rows: list[tuple[str, Callable[[], object]]] = [
        ("decode the pictures", lambda: decoded(data)),
        ("... scenes, stills, hashes, seek bar", lambda: pictures(analyzer, data, "never")),
        ("... and the proxy's pictures", lambda: pictures(analyzer, data, "always")),
        ("decode and resample the sound, loudness", lambda: heard(data)),
        ("... and the proxy's sound", lambda: heard(data, SoundProxy())),
        ("voice activity", lambda: voice.VoiceActivity().feed(sounding)),
        ("music", lambda: Tones().feed(sounding)),
    ]
    for name, make in rows:
        print(f"  {name:40} {cpu(make) / length:8.4f}")
    reader.load()
    text = cpu(lambda: [reader.read(still.data) for still in stills])
    print(f"  {f'text of {len(stills)} stills':40} {text / length:8.4f}")
    recognizer = speech.PocketSphinx()
    spoken = cpu(lambda: recognizer.recognize(sounding))
    print(f"  {'words, as if all of it were speech':40} {spoken / length:8.4f}\n")


def cpu(make: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    make()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def config(proxy: str) -> dict[str, Any]:
    return {"mime_type": "video/mp4", "proxy": proxy}


def decoded(data: bytes) -> None:
    with containers.opened(io.BytesIO(data)) as container:
        stream = stream_of(container)
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
        for _ in container.decode(stream):
            pass


def pictures(analyzer: VideoSegmenter, data: bytes, proxy: str) -> None:
    piece = analyzer.plan_pieces(io.BytesIO(data), config(proxy))
    ranges: list[Range | None] = [p for p in piece if p.unit == "time"]
    for each in ranges or [None]:
        for _ in analyzer.extract_segments(io.BytesIO(data), config(proxy) | {"piece": each}):
            pass


def heard(data: bytes, proxy: SoundProxy | None = None) -> None:
    with containers.opened(io.BytesIO(data)) as container:
        track = first_track(container)
        if track is not None:
            track.proxy = proxy
            for _ in track.blocks():
                pass


def samples(data: bytes) -> Any:
    with containers.opened(io.BytesIO(data)) as container:
        track = first_track(container)
        blocks = [] if track is None else list(track.blocks())
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


# --- as a whole -----------------------------------------------------------------------------------


@contextmanager
def emulator() -> Iterator[tuple[psutil.Process, httpx.Client]]:
    with tempfile.TemporaryDirectory(prefix="dataflux-bench-") as home:
        own = ["env", f"DATAFLUX_SLOTS={SLOTS}", "DATAFLUX_PROXY=always"]
        command = [*own, sys.executable, "-m", "local", "up", "--json", "--home", home]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
            try:
                assert started.stdout is not None
                told = json.loads(started.stdout.readline())
                headers = {"authorization": f"Bearer {(Path(home) / 'token').read_text().strip()}"}
                with httpx.Client(base_url=told["url"], headers=headers, timeout=60) as client:
                    yield psutil.Process(started.pid), client
            finally:
                started.send_signal(signal.SIGINT)


def ingested(
    client: httpx.Client, film: Path, priorities: dict[str, int], mark: str = "warm"
) -> dict[str, Any]:
    """Send a film and wait until all of it can be found; return its run."""
    # A few bytes behind the end make it another file: the same one is not processed again.
    data = film.read_bytes() + (b"\0\0\0\x10free" + mark.encode().ljust(8)[:8])
    fields = {"priorities": json.dumps(priorities)}
    sent = client.post("/api/v1/assets", files={"file": (film.name, data)}, data=fields).json()
    while True:
        asset = client.get(f"/api/v1/assets/{sent['id']}").json()
        if asset.get("indexed_at") or asset.get("status") == "failed":
            break
        time.sleep(0.1)
    assert asset["status"] == "completed", asset
    run: dict[str, Any] = client.get(f"/api/v1/assets/{sent['id']}/trace").json()["runs"][0]
    return run


def whole(
    process: psutil.Process,
    client: httpx.Client,
    film: Path,
    name: str,
    priorities: dict[str, int],
) -> None:
    with av.open(str(film)) as container:
        length = containers.seconds(container)
    before, start = tree(process), time.perf_counter()
    run = ingested(client, film, priorities, name[:8])
    wall, spent = time.perf_counter() - start, tree(process) - before
    goal = GOALS[name]
    print(
        f"{film.name}, {name}: {spent / length:.3f} CPU s a second of film,"
        f" {spent / length / SLOTS:.3f} on {SLOTS} free cores; {wall / length:.3f} of its length"
        f" passed (goal {goal}), load {os.getloadavg()[0]:.1f}"
    )
    for stage in run["stages"]:
        print(f"  {stage['stage']:14} {len(stage['pieces']):3} pieces")


def tree(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of all that it has started."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.Error:  # it has just ended: its parent counts it
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:]])
