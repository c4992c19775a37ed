"""Makes films whose cuts, dissolves and fades are known, with pans, grain and flashes as traps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

Plane = np.ndarray[Any, np.dtype[np.uint8]]
RATE = 30
DISSOLVE, FADE = 16, 24
SHORTEST_S, LONGEST_S = 1.2, 3.4
SHARES = {"cut": 0.6, "dissolve": 0.25, "fade": 0.15}


@dataclass
class Truth:
    """Where scenes change, as (kind, first, last picture); flashes and pans are none."""

    changes: list[tuple[str, int, int]] = field(default_factory=list)
    flashes: list[int] = field(default_factory=list)


def write(path: Path, seconds: float, size: tuple[int, int], seed: int) -> Truth:
    """Write an H.264 film of 30 pictures a second; return what happens in it."""
    truth = Truth()
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream(
            "libx264", rate=RATE, options={"preset": "medium", "crf": "21", "g": "250", "bf": "3"}
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, image in enumerate(_pictures(round(seconds * RATE), size, seed, truth)):
            frame = av.VideoFrame.from_ndarray(image, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return truth


def _pictures(count: int, size: tuple[int, int], seed: int, truth: Truth) -> Iterator[Plane]:
    chance = np.random.default_rng(seed)
    scene, at = _Scene(chance, size), 0
    while at < count:
        ends = at + round(chance.uniform(SHORTEST_S, LONGEST_S) * RATE)
        flash = int(chance.integers(at + 12, at + 20)) if chance.random() < 0.2 else -1
        ends = count if count - ends < SHORTEST_S * RATE else ends
        kind = str(chance.choice(list(SHARES), p=list(SHARES.values())))
        length = {"cut": 0, "dissolve": DISSOLVE, "fade": FADE}[kind]
        following = _Scene(chance, size)
        for number in range(at, ends):
            image = scene.next()
            if number >= ends - length and ends != count:
                share = (number - (ends - length) + 0.5) / length
                image = _mixed(kind, image, following, share)
            yield _lit(image, size) if number == flash else image
        if flash >= 0:
            truth.flashes.append(flash)
        if ends != count:
            truth.changes.append((kind, ends - length, ends))
        scene, at = following, ends


def _mixed(kind: str, image: Plane, following: "_Scene", share: float) -> Plane:
    if kind == "dissolve":
        other = following.next().astype(np.float32)
        return (image * (1 - share) + other * share).astype(np.uint8)
    black = np.full(image.shape, 128, np.float32)
    black[: following.height] = 16
    shown = image if share < 0.5 else following.next()
    return (black + (shown - black) * abs(2 * share - 1)).astype(np.uint8)


def _lit(image: Plane, size: tuple[int, int]) -> Plane:
    lit = image.copy()
    lit[: size[1]] = np.minimum(235, lit[: size[1]].astype(np.int16) + 110)
    return lit


class _Scene:
    """Clouds of one colour behind a window that drifts or pans, discs that cross it, and grain."""

    def __init__(self, chance: np.random.Generator, size: tuple[int, int]) -> None:
        self._width, self.height = size
        self._chance, self._at = chance, 0
        level, contrast = chance.uniform(70, 170), chance.uniform(18, 45)
        roughness = chance.uniform(1.0, 1.5)
        clouds = level + contrast * _clouds(chance, self.height, self._width, roughness)
        self._luma = np.clip(clouds, 16, 235).astype(np.uint8)
        half = self.height // 2, self._width // 2
        self._chroma = [
            np.clip(chance.uniform(95, 160) + 12 * _clouds(chance, *half, 1.5), 16, 240)
            for _ in range(2)
        ]
        fast = self._width / (48 if chance.random() < 0.15 else 384)
        self._drift = chance.uniform(-fast, fast, 2)
        self._discs = [_Disc(chance, size) for _ in range(int(chance.integers(0, 5)))]
        self._grain = chance.integers(-2, 3, (self.height, self._width), np.int8)

    def next(self) -> Plane:
        across, down = (round(float(v) * self._at) for v in self._drift)
        luma = np.roll(self._luma, (down, across), (0, 1))
        for disc in self._discs:
            disc.draw(luma, self._at)
        shaken = np.roll(self._grain, int(self._chance.integers(self.height)), 0)
        luma = np.clip(luma.astype(np.int16) + shaken, 0, 255).astype(np.uint8)
        chroma = [np.roll(c, (down // 2, across // 2), (0, 1)) for c in self._chroma]
        self._at += 1
        rows = [plane.astype(np.uint8).reshape(-1, self._width) for plane in (luma, *chroma)]
        return np.vstack(rows)


class _Disc:
    def __init__(self, chance: np.random.Generator, size: tuple[int, int]) -> None:
        self._radius = size[0] * chance.uniform(0.015, 0.07)
        self._from = chance.uniform(0, 1, 2) * size
        self._step = chance.uniform(-0.006, 0.006, 2) * size[0]
        self._level = int(chance.integers(20, 230))

    def draw(self, luma: Plane, at: int) -> None:
        x, y = self._from + self._step * at
        height, width = luma.shape
        top, bottom = (int(np.clip(y + r, 0, height)) for r in (-self._radius, self._radius))
        left, right = (int(np.clip(x + r, 0, width)) for r in (-self._radius, self._radius))
        down, across = np.ogrid[top:bottom, left:right]
        inside = (down - y) ** 2 + (across - x) ** 2 < self._radius**2
        luma[top:bottom, left:right][inside] = self._level


def _clouds(chance: np.random.Generator, height: int, width: int, beta: float) -> Any:
    """Return noise whose power falls with frequency, as that of photographs does."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    size = np.maximum(np.hypot(down, across), 1 / max(height, width)) ** -beta
    noise = np.fft.irfft2(size * np.exp(2j * np.pi * chance.random(size.shape)), (height, width))
    return (noise - noise.mean()) / (noise.std() + 1e-9)
