"""Samples are what a scaler would give, for pictures of any size and format."""

from typing import Any

import av
import numpy as np
import pytest

from analyzers.video.samples import HEIGHT, IN_PLACE, LUMA, WIDTH, Sampler, difference


def frame(width: int, height: int, pixels: str) -> Any:
    """Return a picture that is dark at the top left, light at the right, and coloured."""
    across = np.linspace(30, 220, width)[None, :, None]
    down = np.linspace(0.5, 1.0, height)[:, None, None]
    colors = np.array([1.0, 0.8, 0.6])[None, None, :]
    image = np.ascontiguousarray((across * down * colors).astype(np.uint8))
    return av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)


@pytest.mark.parametrize("pixels", [*sorted(IN_PLACE), "yuv420p10le", "rgb24", "gray"])
@pytest.mark.parametrize("size", [(640, 360), (366, 206), (64, 48), (18, 10)])
def test_samples_are_those_of_a_scaler(size: tuple[int, int], pixels: str) -> None:
    sampler, picture = Sampler(), frame(*size, pixels)
    scaled = picture.reformat(WIDTH, HEIGHT, "yuv420p", interpolation="AREA").to_ndarray().ravel()
    samples = sampler.of(picture)
    assert samples.shape == (LUMA * 3 // 2,)
    # words of eight pixels are coarse in a tiny picture; full range is not made narrow
    least = 24 if "yuvj" in pixels or size[0] < 100 else 4
    assert difference(samples, scaled) < least


def test_pictures_may_change_their_size() -> None:
    sampler = Sampler()
    for size in ((640, 360), (320, 180), (640, 360)):
        assert np.array_equal(
            sampler.of(frame(*size, "yuv420p")), Sampler().of(frame(*size, "yuv420p"))
        )


def test_a_blurred_picture_has_less_detail() -> None:
    chance = np.random.default_rng(1)
    noise = chance.integers(0, 255, (180, 320, 3), np.uint8)
    sharp = av.VideoFrame.from_ndarray(noise, "rgb24").reformat(format="yuv420p")
    blurred = sharp.reformat(32, 18).reformat(320, 180)
    assert Sampler().detail(blurred) < Sampler().detail(sharp) / 2
