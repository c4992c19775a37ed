"""Quality: what was done to a picture is said of it, and nothing of one that is well."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from analyzers.image.quality import blur, measured, noise
from tests.analyzers.files import encoded

SEEDS = range(5)


def natural(seed: int, side: int = 640) -> Image.Image:
    """Return a picture whose detail falls off with its frequency, as photos', under a clear sky."""
    rng = np.random.default_rng(seed)
    axis = np.fft.fftfreq(side)
    falling = 1 / np.maximum(np.hypot(axis[:, None], axis[None, :]), 1 / side) ** 1.1
    waves = np.fft.fft2(rng.normal(size=(side, side))) * falling
    levels = np.fft.ifft2(waves).real
    levels = (levels - levels.mean()) / levels.std() * 45 + 125
    levels[: side // 3] = np.linspace(190, 160, side // 3)[:, None]
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")


def kept(image: Image.Image) -> Image.Image:
    """Return a picture as a keyframe keeps it."""
    return Image.open(io.BytesIO(encoded(image, quality=88))).convert("RGB")


def grainy(image: Image.Image, deviation: float) -> Image.Image:
    levels = np.asarray(image, np.float32)
    grain = np.random.default_rng(1).normal(0, deviation, levels.shape)
    return Image.fromarray((levels + grain).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_degradation_is_named(seed: int) -> None:
    image = natural(seed)
    soft = image.filter(ImageFilter.GaussianBlur(3))
    assert measured(kept(image))["labels"] == []
    assert measured(kept(soft))["labels"] == ["blurred"]
    assert "noisy" in measured(kept(grainy(soft, 25)))["labels"]
    dark, bright = (ImageEnhance.Brightness(image).enhance(by) for by in (0.25, 2.5))
    assert "underexposed" in measured(kept(dark))["labels"]
    assert "overexposed" in measured(kept(bright))["labels"]


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_grow_with_what_is_done(seed: int) -> None:
    image = natural(seed).convert("L")
    blurs = [
        blur(np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32))
        for radius in (0, 1, 2, 4)
    ]
    assert blurs == sorted(blurs)
    assert blurs[-1] > blurs[0] + 0.2
    smooth = natural(seed).filter(ImageFilter.GaussianBlur(3))
    noises = [noise(np.asarray(grainy(smooth, d).convert("L"), np.float32)) for d in (0, 5, 10, 20)]
    assert noises == sorted(noises)


def test_the_deviation_of_noise_is_found() -> None:
    """Noise of a known deviation on a slope: the estimate of its smoothest part lies just below."""
    slope = np.tile(np.linspace(60, 190, 400, dtype=np.float32), (400, 1))
    for deviation in (4.0, 8.0, 16.0):
        grain = np.random.default_rng(2).normal(0, deviation, slope.shape)
        assert noise((slope + grain).astype(np.float32)) == pytest.approx(deviation, rel=0.2)


def test_a_flat_or_tiny_picture_is_not_judged() -> None:
    assert measured(Image.new("RGB", (300, 200), "black"))["labels"] == []
    assert measured(Image.new("RGB", (3, 2), "white"))["blur"] == 0
