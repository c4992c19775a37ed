"""Generated pictures with some likeness to photos, and what people do to a picture before it is
published once more."""

import io
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont
from PIL.Image import Resampling

Edit = Callable[[Image.Image], Image.Image]


def photo(seed: int, side: int = 480) -> Image.Image:
    """Draw clouds of colour at several scales, and some things before them."""
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    width, height = side, dice.choice((side, side * 3 // 4, side * 2 // 3))
    canvas = np.zeros((height, width, 3), np.float32)
    for cells in (2, 4, 8, 24, 80):
        noise = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Resampling.BICUBIC)
        canvas += np.asarray(layer, np.float32) / cells**0.8
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min()) * 255
    image = Image.fromarray(canvas.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(dice.randint(0, 4)):
        x, y, size = dice.randrange(width), dice.randrange(height), dice.randint(20, side // 3)
        color = tuple(dice.randrange(256) for _ in range(3))
        getattr(draw, dice.choice(("ellipse", "rectangle")))((x, y, x + size, y + size), fill=color)
    return image


def scaled(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 2 // 5, image.height * 2 // 5), Resampling.LANCZOS)


def recompressed(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=25)
    return Image.open(out).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    """Cut 5 % of each side away, half of it at either end."""
    across, down = round(image.width * 0.025), round(image.height * 0.025)
    return image.crop((across, down, image.width - across, image.height - down))


def brightened(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.25)


def darkened(image: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(0.75)).enhance(0.9)


def watermarked(image: Image.Image) -> Image.Image:
    marked = image.copy()
    font = ImageFont.load_default(image.width // 12)
    place = (image.width // 20, image.height * 4 // 5)
    ImageDraw.Draw(marked).text(place, "© Example Archive", fill="white", font=font)
    return Image.blend(image, marked, 0.7)


def all_at_once(image: Image.Image) -> Image.Image:
    return recompressed(watermarked(scaled(brightened(image))))


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        scaled, recompressed, cropped, brightened, darkened, watermarked, all_at_once
    )
}  # fmt: skip
