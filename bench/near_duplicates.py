"""How many copies of a picture are known as such, and what their hash costs.

    python bench/near_duplicates.py [--pictures N] [--folder FOLDER]

Pictures are generated from seeds on which nothing was tuned (tests/models/edits.py), each edited in
seven ways, with pages of text among them; --folder adds pictures of your own. Every pair within the
threshold counts. The cost is that of the hash against decoding a 12-megapixel JPEG, in processor
seconds, interleaved.
"""

import argparse
import io
import itertools
import random
import resource
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL
from PIL import Image, ImageDraw, ImageFont

from analyzers.decoding import Limits
from analyzers.image import decoder
from analyzers.image.measures import hamming, perceptual_hash
from analyzers.image.segmenter import THUMBNAIL_SIDE
from stores.records.hashes import NEAR
from tests.models.edits import EDITS, photo

FIRST_SEED, PAGES, ROUNDS = 10_000, 60, 15
WORDS = ("harbour", "winter", "ledger", "quarry", "lantern", "meadow", "signal", "archive")


def page(seed: int) -> Image.Image:
    """Draw lines of words, in one column or two."""
    dice = random.Random(seed)
    image = Image.new("RGB", (600, 800), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(dice.choice((14, 18, 24)))
    columns = dice.choice((1, 2))
    for y in range(dice.randint(30, 160), dice.randint(500, 770), dice.choice((24, 30, 40))):
        for column in range(columns):
            words = " ".join(dice.choices(WORDS, k=dice.randint(2, 8 // columns)))
            draw.text((40 + 290 * column, y), words, fill="black", font=font)
    return image


def hashed(image: Image.Image) -> str | None:
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return perceptual_hash(small)


def originals(pictures: int, folder: Path | None) -> Iterator[tuple[str, Image.Image]]:
    for at in range(pictures):
        yield f"photo-{at}", photo(FIRST_SEED + at)
    for at in range(PAGES):
        yield f"page-{at}", page(FIRST_SEED + at)
    for path in sorted(folder.iterdir()) if folder else ():
        image = Image.open(path).convert("RGB")
        image.thumbnail((decoder.LONG_SIDE, decoder.LONG_SIDE))
        yield path.name, image


def quality(pictures: int, folder: Path | None) -> None:
    found: list[tuple[str, str, str]] = []
    for name, image in originals(pictures, folder):
        for edit, apply in {"": lambda same: same, **EDITS}.items():
            if (code := hashed(apply(image))) is not None:
                found.append((name, edit, code))
    near, right = 0, 0
    recalled: dict[str, list[bool]] = defaultdict(list)
    wrong: dict[str, int] = defaultdict(int)
    for (one, edit, code), (other, other_edit, other_code) in itertools.combinations(found, 2):
        same, close = one == other, hamming(code, other_code) <= NEAR
        near, right = near + close, right + (close and same)
        wrong[one.split("-")[0]] += close and not same
        if same and "" in (edit, other_edit):
            recalled[edit or other_edit].append(close)
    print(f"{len(found)} pictures; hashes that differ in at most {NEAR} of 64 bits")
    print(f"precision {right / near:.4f} ({near - right} wrong pairs of {near}: {dict(wrong)})")
    for edit, hits in recalled.items():
        print(f"recall, {edit:<13} {sum(hits) / len(hits):.3f} of {len(hits)}")
    every = [hit for hits in recalled.values() for hit in hits]
    print(f"recall, all          {sum(every) / len(every):.4f}")


def seconds(step: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost() -> None:
    out = io.BytesIO()
    photo(1).resize((4_000, 3_000)).save(out, "JPEG", quality=90)
    small = photo(1)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    decoder.load()
    decoding, hashing = [], []
    for _ in range(ROUNDS):
        decoding.append(seconds(lambda: decoder.decode(io.BytesIO(out.getvalue()), Limits())))
        hashing.append(seconds(lambda: [perceptual_hash(small) for _ in range(20)]) / 20)
    one, other = statistics.median(hashing), statistics.median(decoding)
    print(f"hash {1e3 * one:.2f} ms, decoding 12 megapixels {1e3 * other:.1f} ms (CPU, medians of")
    print(f"{ROUNDS}): {100 * one / other:.2f} % (goal 2 %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(f"Pillow {PIL.__version__}")
    quality(asked.pictures, asked.folder)
    cost()


if __name__ == "__main__":
    main()
