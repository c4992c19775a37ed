"""A film of any size: a minute of noise is encoded, and its packets repeated until it is large."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE = 1280, 720
RATE, GOP = 25, 25
SCENE_S, SCENES = 6, 8
LENGTH_S = SCENE_S * SCENES
SOUND_RATE = 48_000
NOISE = 90
"""Levels of brightness: noise can be shrunk by no encoder, so its pictures are large."""


def write(path: Path, size: int) -> list[float]:
    """Write an mp4 of at least `size` bytes; return when its scenes begin."""
    clip = path.with_suffix(".clip.mp4")
    _encode(clip)
    times = -(-size // clip.stat().st_size)
    _repeat(clip, path, times)
    clip.unlink()
    return [float(n * LENGTH_S + scene * SCENE_S) for n in range(times) for scene in range(SCENES)]


def _encode(path: Path) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options=_options())
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for number, picture in enumerate(_pictures()):
            out.mux(video.encode(picture))
            if number % RATE == 0:
                out.mux(sound.encode(_tone(number // RATE)))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))


def _options() -> dict[str, str]:
    closed = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0"
    return {"preset": "ultrafast", "crf": "32", "x264-params": closed}


def _pictures() -> Iterator[Any]:
    """Yield the pictures of scenes of unlike brightness and colour, all under noise."""
    width, height = SIZE
    random = np.random.default_rng(1)
    shape = height * 3 // 2, width
    for number in range(SCENES * SCENE_S * RATE):
        scene = number // (SCENE_S * RATE)
        planes = random.integers(0, NOISE, shape, dtype=np.uint8)
        planes[:height] += (20, 150)[scene % 2]
        planes[height:] += 20 * scene
        yield av.VideoFrame.from_ndarray(planes, "yuv420p")


def _tone(second: int) -> Any:
    """Return a second of a low tone."""
    at = np.arange(SOUND_RATE, dtype=np.float32) / SOUND_RATE + second
    samples = (0.2 * np.sin(2 * np.pi * 220 * at)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
    frame.sample_rate, frame.pts = SOUND_RATE, second * SOUND_RATE
    return frame


def _repeat(clip: Path, path: Path, times: int) -> None:
    """Copy the packets of a clip again and again, each time later."""
    with av.open(str(path), "w") as out, av.open(str(clip)) as first:
        made = {s.index: out.add_stream_from_template(s) for s in first.streams}
        last = dict.fromkeys(made, -(1 << 40))
        for n in range(times):
            with av.open(str(clip)) as source:
                for packet in source.demux():
                    if packet.dts is None or packet.pts is None:
                        continue
                    index, later = packet.stream_index, round(n * LENGTH_S / packet.time_base)
                    if packet.dts + later > last[index]:  # a clip's sound begins a little early
                        last[index] = packet.dts + later
                        packet.pts, packet.dts = packet.pts + later, packet.dts + later
                        packet.stream = made[index]
                        out.mux(packet)
