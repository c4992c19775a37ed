"""Writes films of which it is known where scenes change, and how: made up, or spliced from clips.

Beside NAME.mp4 lies NAME.json: {"fps", "frames", "events": [{"type", "start", "end"}], "traps"}.
The first picture of a new scene is the start of a cut; traps, flashes and whip pans, begin none.
Run: python -m bench.films FOLDER [--variety SEED…] [--splices CLIPS --seeds SEED…]
     [--seconds 40] [--height 1080] [--only-cuts]
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from bench.scenery import Plane, Scenery

RATE = 30
X264 = {"preset": "medium", "crf": "21", "g": "250", "bf": "3"}
SHARES = {"cut": 0.55, "dissolve": 0.27, "fade": 0.18}
LENGTHS = {"cut": (0, 0), "dissolve": (8, 30), "fade": (12, 36)}
SCENE = 54, 105
"""Pictures of a scene, the change at its end not counted."""
TRAP, CALM = 0.45, 14
"""How often a scene has a trap, and pictures around it that are as they were."""
FLASH, WHIP_PAN = (1, 3), (4, 9)
TORN = 0.07, 0.18
"""Share of its width by which a camera is torn round from picture to picture."""


class Scene(Protocol):
    """What gives one picture after the other."""

    def next(self) -> Plane: ...


@dataclass
class Truth:
    """What happens in a film: (type, start, end), the end not included."""

    events: list[tuple[str, int, int]] = field(default_factory=list)
    traps: list[tuple[str, int, int]] = field(default_factory=list)

    def written(self, frames: int) -> dict[str, Any]:
        lists = {
            name: [dict(zip(("type", "start", "end"), each, strict=True)) for each in happened]
            for name, happened in (("events", self.events), ("traps", self.traps))
        }
        return {"fps": RATE, "frames": frames} | lists


def write(path: Path, size: tuple[int, int], pictures: Iterator[Plane], truth: Truth) -> None:
    """Write an H.264 film, and what is true of it beside."""
    number = 0
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=RATE, options=X264)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, image in enumerate(pictures, 1):
            frame = av.VideoFrame.from_ndarray(image, "yuv420p")
            frame.pts, frame.time_base = number - 1, Fraction(1, RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    path.with_suffix(".json").write_text(json.dumps(truth.written(number), indent=1))


def spliced(
    scene: Callable[[], tuple[Scene, int]], count: int, chance: np.random.Generator, truth: Truth
) -> Iterator[Plane]:
    """Yield the pictures of scene after scene, of which each is so long, joined by some change."""
    at, (shown, length) = 0, scene()
    while at + length < count:
        following, its_length = scene()
        yield from (shown.next() for _ in range(length))
        at += length
        kind = str(chance.choice(list(SHARES), p=list(SHARES.values())))
        least, most = LENGTHS[kind]
        lasts = int(chance.integers(least, most + 1))
        truth.events.append((kind, at, at + lasts))
        for number in range(lasts):
            yield _mixed(kind, shown, following, (number + 0.5) / lasts)
        at, shown, length = at + lasts, following, its_length
    yield from (shown.next() for _ in range(count - at))


def _mixed(kind: str, before: Scene, after: Scene, share: float) -> Plane:
    if kind == "dissolve":
        one, other = before.next().astype(np.float32), after.next().astype(np.float32)
        return (one * (1 - share) + other * share).astype(np.uint8)
    shown = (before if share < 0.5 else after).next().astype(np.float32)
    black = np.full(shown.shape, 128, np.float32)
    black[: shown.shape[0] * 2 // 3] = 16
    return (black + (shown - black) * abs(2 * share - 1)).astype(np.uint8)


class _Trapped:
    """A made-up scene in which light may flash, or the camera be torn round."""

    def __init__(self, chance: np.random.Generator, size: tuple[int, int], length: int) -> None:
        self._scene, self._at = Scenery(chance, size), 0
        self.trap: tuple[str, int, int] | None = None
        self._torn, self._lit = 0.0, 0
        if chance.random() < TRAP:
            kind, lasts = ("flash", FLASH) if chance.random() < 0.5 else ("whip_pan", WHIP_PAN)
            start = int(chance.integers(CALM, length - CALM - lasts[1]))
            self.trap = kind, start, start + int(chance.integers(lasts[0], lasts[1] + 1))
            self._torn = float(chance.choice([-1, 1]) * chance.uniform(*TORN))
            self._lit = int(chance.integers(70, 130))

    def next(self) -> Plane:
        at, self._at = self._at, self._at + 1
        if self.trap is None or not self.trap[1] <= at < self.trap[2]:
            return self._scene.next()
        if self.trap[0] == "whip_pan":
            return self._scene.next(self._torn)
        fading = self._lit * 0.7 ** (at - self.trap[1])
        lit = self._scene.next()
        luma = lit[: self._scene.height]
        luma[:] = np.minimum(235, luma + fading).astype(np.uint8)
        return lit


def variety(path: Path, size: tuple[int, int], count: int, seed: int) -> None:
    """Write a made-up film with all kinds of changes and traps."""
    chance, truth = np.random.default_rng(seed), Truth()
    begun: list[tuple[_Trapped, int]] = []

    def scene() -> tuple[Scene, int]:
        length = int(chance.integers(*SCENE))
        begun.append((_Trapped(chance, size, length), length))
        return begun[-1]

    write(path, size, _traced(spliced(scene, count, chance, truth), begun, truth), truth)


def _traced(
    pictures: Iterator[Plane], begun: list[tuple[_Trapped, int]], truth: Truth
) -> Iterator[Plane]:
    """Yield the pictures, and note at the end at which of them the traps of the scenes lie."""
    count = 0
    for picture in pictures:
        count += 1
        yield picture
    starts = [0] + [start for _, start, _ in truth.events]
    leads = [0] + [_lead(*event) for event in truth.events]
    for (scene, _), start, lead in zip(begun, starts, leads, strict=False):
        if scene.trap is not None and start + lead + scene.trap[2] < count:
            kind, first, last = scene.trap
            truth.traps.append((kind, start + lead + first, start + lead + last))


def _lead(kind: str, start: int, end: int) -> int:
    """Return how many pictures after the change begins the next scene does."""
    return {"cut": 0, "dissolve": 0, "fade": (end - start) // 2}[kind]


class _Clip:
    """Some pictures of a film that was taken, in the size that is asked for."""

    def __init__(self, path: Path, first: int, size: tuple[int, int]) -> None:
        self._size, self._scaler = size, VideoReformatter()
        self._frames = self._read(path, first)
        self._last: Plane | None = None

    def _read(self, path: Path, first: int) -> Iterator[Any]:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number >= first:
                    yield frame

    def next(self) -> Plane:
        frame: Any = next(self._frames, None)
        if frame is not None:
            scaled: Any = self._scaler.reformat(
                frame, *self._size, "yuv420p", interpolation="BICUBIC", dst_color_range="MPEG"
            )
            self._last = scaled.to_ndarray()
        assert self._last is not None
        return self._last


LEAST, MOST = 24, 60
"""Pictures of a clip that are shown between two changes."""


def splices(path: Path, clips: list[Path], size: tuple[int, int], count: int, seed: int) -> None:
    """Write parts of clips, one after the other; never twice in a row of the same clip."""
    chance, truth = np.random.default_rng(seed), Truth()
    lengths = {clip: _length(clip) for clip in clips}
    last: list[Path] = []

    def scene() -> tuple[Scene, int]:
        clip = clips[int(chance.integers(len(clips)))]
        while clip in last:
            clip = clips[int(chance.integers(len(clips)))]
        last[:] = [clip]
        length = int(chance.integers(LEAST, MOST))
        spare = lengths[clip] - length - 2 * LENGTHS["fade"][1]
        return _Clip(clip, int(chance.integers(max(1, spare))), size), length

    write(path, size, spliced(scene, count, chance, truth), truth)


def _length(clip: Path) -> int:
    with av.open(str(clip)) as container:
        return sum(1 for _ in container.decode(video=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variety", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--splices", type=Path, metavar="CLIPS", help="a folder of short films")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--height", type=int, default=1080, help="a multiple of four")
    parser.add_argument("--only-cuts", action="store_true", help="neither dissolves nor fades")
    given = parser.parse_args()
    if given.only_cuts:
        SHARES.update(cut=1.0, dissolve=0.0, fade=0.0)
    given.folder.mkdir(parents=True, exist_ok=True)
    size, count = (round(given.height * 16 / 9), given.height), round(given.seconds * RATE)
    for seed in given.variety:
        variety(given.folder / f"variety{seed}.mp4", size, count, seed)
    for seed in given.seeds if given.splices else []:
        clips = sorted(path for path in given.splices.iterdir() if path.is_file())
        splices(given.folder / f"splices{seed}.mp4", clips, size, count, seed)


if __name__ == "__main__":
    main()
