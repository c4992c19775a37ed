"""Measure the cosines of random pairs in the fallback spaces: the constants in analyzers/embedding.

Pictures are drawn (landscapes, plots, pages, blobs on grounds); with a folder as argument the
pictures in it are measured too. Texts are sentences over a vocabulary with the frequencies of
natural language (Zipf).
"""

import io
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from analyzers.decoding import Limits
from analyzers.embedding import visual, words
from analyzers.image import colors, decoder

SEED, PICTURES, TEXTS = 20_240_229, 300, 400
SYLLABLES = "bacedifoguhajekilomunaperisotuvawexiyozuanerinorunst"


def color(rng: random.Random) -> tuple[int, int, int]:
    """Return a colour as photographs have them: often dull, seldom pure."""
    base = rng.randint(20, 235)
    spread = int(abs(rng.gauss(0, 45)))
    return tuple(max(0, min(255, base + rng.randint(-spread, spread))) for _ in range(3))  # type: ignore[return-value]


def landscape(rng: random.Random, draw: ImageDraw.ImageDraw) -> None:
    horizon = rng.randint(60, 140)
    draw.rectangle((0, 0, 300, horizon), fill=color(rng))
    draw.rectangle((0, horizon, 300, 200), fill=color(rng))
    for _ in range(rng.randint(1, 12)):
        x, w = rng.randint(0, 300), rng.randint(5, 90)
        draw.polygon([(x - w, horizon), (x, horizon - w), (x + w, horizon)], fill=color(rng))


def page(rng: random.Random, draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, 0, 300, 200), fill=(252, 252, 250))
    for y in range(rng.randint(8, 30), 190, rng.randint(6, 14)):
        draw.line((20, y, rng.randint(120, 285), y), fill=(40, 40, 40), width=2)


def blobs(rng: random.Random, draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, 0, 300, 200), fill=color(rng))
    for _ in range(rng.randint(1, 25)):
        x, y, r = rng.randint(0, 300), rng.randint(0, 200), rng.randint(4, 90)
        draw.ellipse((x - r, y - r, x + r, y + rng.randint(0, r)), fill=color(rng))


def stripes(rng: random.Random, draw: ImageDraw.ImageDraw) -> None:
    step, tilt = rng.randint(8, 60), rng.randint(-200, 200)
    for x in range(-200, 500, step):
        draw.line((x, 0, x + tilt, 200), fill=color(rng), width=step)


SCENES: Sequence[Callable[[random.Random, ImageDraw.ImageDraw], None]] = (
    landscape, landscape, landscape, blobs, blobs, stripes, page,
)  # fmt: skip


def picture(rng: random.Random) -> Image.Image:
    """Return a drawn picture with the grain and blur of a photograph."""
    image = Image.new("RGB", (300, 200))
    rng.choice(SCENES)(rng, ImageDraw.Draw(image))
    noise = Image.effect_noise((300, 200), rng.uniform(1, 60)).convert("RGB")
    blurred = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 4)))
    return Image.blend(blurred, noise, rng.uniform(0, 0.25))


def text(rng: random.Random) -> str:
    """Return a paragraph: two fifths common words, the rest by Zipf's law, ranks 80 to 20,000."""
    common = sorted(words.COMMON)[:80]
    chosen = [
        rng.choice(common) if rng.random() < 0.4 else word(zipf(rng))
        for _ in range(rng.randint(6, 120))
    ]
    return " ".join(chosen)


def zipf(rng: random.Random) -> int:
    return int(math.exp(rng.uniform(math.log(80), math.log(20_000))))


def word(rank: int) -> str:
    """Return the word of a rank: more frequent words are shorter."""
    draw = random.Random(rank)
    return "".join(syllable(draw) for _ in range(2 + int(math.log10(rank + 1) / 1.5)))


def syllable(rng: random.Random) -> str:
    at = 2 * rng.randrange(len(SYLLABLES) // 2)
    return SYLLABLES[at : at + 2]


def report(name: str, one: np.ndarray, other: np.ndarray, *, same: bool) -> None:
    cosines = one @ other.T
    pairs = cosines[np.triu_indices(len(one), 1)] if same else cosines.ravel()
    spots = np.percentile(pairs, [1, 50, 95, 99, 99.9]).round(3).tolist()
    print(f"{name:28} mean {pairs.mean():.3f} sd {pairs.std():.3f} percentiles {spots}")


def report_match(pictures: Sequence[Image.Image], vectors: np.ndarray) -> None:
    """Print the cosine of a colour's name with pictures a third of which has that colour."""
    reached = [
        float(np.dot(vector, np.array(visual.of_words(name))))
        for image, vector in zip(pictures, vectors, strict=True)
        for name, share in colors.shares(image).items()
        if 0.25 <= share <= 0.42
    ]
    print(f"visual, a third has the colour mean {np.mean(reached):.3f} of {len(reached)}")


def main(folder: str | None) -> None:
    rng = random.Random(SEED)
    pictures = [picture(rng) for _ in range(PICTURES)]
    drawn = np.array([visual.of_image(image) for image in pictures])
    asked = np.array([visual.of_words(w) for w in visual.COLOR_WORDS])
    report("visual, picture to picture", drawn, drawn, same=True)
    report("visual, colour to picture", asked, drawn, same=False)
    report_match(pictures, drawn)
    texts = np.array([words.embed(text(rng)) for _ in range(TEXTS)])
    queries = np.array([words.embed(word(rng.randint(50, 20_000))) for _ in range(TEXTS)])
    report("text, text to text", texts, texts, same=True)
    report("text, one word to text", queries, texts, same=False)
    if folder:
        decoder.load()
        files = sorted(path for path in Path(folder).iterdir() if path.is_file())
        photos = np.array([photo(path) for path in files])
        report("visual, photo to photo", photos, photos, same=True)
        report("visual, colour to photo", asked, photos, same=False)


def photo(path: Path) -> list[float]:
    return visual.of_image(decoder.decode(io.BytesIO(path.read_bytes()), Limits()).image)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
