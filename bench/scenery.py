"""Scenes of films that are made up: clouds that drift, discs that cross them, grain."""

from typing import Any

import numpy as np

Plane = np.ndarray[Any, np.dtype[np.uint8]]
SMEARED = 6
"""Pictures of which one is made up that a camera takes while it is torn round."""


class Scenery:
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
        self._place = np.zeros(2)
        self._discs = [_Disc(chance, size) for _ in range(int(chance.integers(0, 5)))]
        self._grain = chance.integers(-2, 3, (self.height, self._width), np.int8)

    def next(self, torn: float = 0.0) -> Plane:
        """Return the next picture; the camera is torn across by that share of its width."""
        step = self._drift + np.array([torn * self._width, 0.0])
        luma = self._seen(self._luma, step, 1, smeared=torn != 0)
        if not torn:
            for disc in self._discs:
                disc.draw(luma, self._at)
        shaken = np.roll(self._grain, int(self._chance.integers(self.height)), 0)
        luma = np.clip(luma.astype(np.int16) + shaken, 0, 255).astype(np.uint8)
        chroma = [self._seen(color, step, 2, smeared=False) for color in self._chroma]
        self._at, self._place = self._at + 1, self._place + step
        rows = [plane.astype(np.uint8).reshape(-1, self._width) for plane in (luma, *chroma)]
        return np.vstack(rows)

    def _seen(self, plane: Any, step: Any, shrunk: int, *, smeared: bool) -> Any:
        """Return a plane as it is seen from here, or from all the way of the next step."""
        if not smeared:
            return self._rolled(plane, self._place, shrunk)
        on_the_way = (self._place + step * n / SMEARED for n in range(SMEARED))
        seen = [self._rolled(plane, place, shrunk).astype(np.uint16) for place in on_the_way]
        return (sum(seen) // SMEARED).astype(np.uint8)

    @staticmethod
    def _rolled(plane: Any, place: Any, shrunk: int) -> Any:
        across, down = (round(float(v)) // shrunk for v in place)
        return np.roll(plane, (down, across), (0, 1))


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
