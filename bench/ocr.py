"""How many letters the recognizer gets right, by script and by how far the picture is turned.

    python bench/ocr.py [--pages N] [--scripts latin,greek] [--turns 0,90]

Pages are generated from a seed. Fonts are those of this machine (DejaVu; for Chinese and Japanese
fonts-wqy-zenhei and fonts-ipafont-gothic); a script without a font is left out and named. CER is
the edit distance of all found lines to all drawn ones, from top to bottom, per drawn letter.
"""

import argparse
import io
import random
from collections.abc import Iterator
from pathlib import Path

import rapidocr
from PIL import Image, ImageDraw, ImageFont

from analyzers.text import reader, regions

FONTS = {
    "latin": "dejavu/DejaVuSans.ttf",
    "accents": "dejavu/DejaVuSerif.ttf",
    "greek": "dejavu/DejaVuSans.ttf",
    "cyrillic": "dejavu/DejaVuSans.ttf",
    "chinese": "wqy/wqy-zenhei.ttc",
    "japanese": "fonts-japanese-gothic.ttf",
}
LETTERS = {
    "latin": "harbour winter ledger quarry lantern meadow signal Gallery Archive 1961 4711-A",
    "accents": "Größe señor façade naïve Übung crème İstanbul łódź žluťoučký kůň año Straße",
    "greek": "θάλασσα χειμώνας βιβλίο Αθήνα φως δρόμος παράθυρο σήμα Ελλάδα χαλκός",
    "cyrillic": "гавань зима книга Москва фонарь дорога окно сигнал архив медь",
    "chinese": "港口 冬天 账本 采石场 灯笼 草地 信号 铜器 画廊 档案 图书馆 上海 火车站",
    "japanese": "港町 ふゆ 台帳 カメラ ちょうちん 草原 シグナル 銅 ギャラリー 図書館 東京 えき",
}
TURNS = (0, 90, 180, 270, 3, -7)
LINES, POINTS = 4, 34


def page(script: str, seed: int) -> tuple[Image.Image, list[str]]:
    """Draw a few lines of words; return them, too."""
    dice = random.Random(f"{script}{seed}")
    font = ImageFont.truetype(str(Path("/usr/share/fonts/truetype") / FONTS[script]), POINTS)
    image = Image.new("RGB", (1000, 400), dice.choice(("white", "#f0ead8", "#dfe8f0")))
    draw, lines = ImageDraw.Draw(image), []
    for at in range(LINES):
        words = " ".join(dice.sample(LETTERS[script].split(), 4))
        draw.text((60, 40 + 85 * at), words, fill=dice.choice(("black", "#303040")), font=font)
        lines.append(words)
    return image, lines


def turned(image: Image.Image, degrees: int) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def read(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    blocks = regions.blocks(reader.read(out.getvalue()))
    return "\n".join(regions.body(block) for block in blocks)


def distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, row[0] = row[0], at
        for to, wanted in enumerate(other, start=1):
            least = min(row[to] + 1, row[to - 1] + 1, before + (letter != wanted))
            before, row[to] = row[to], least
    return row[-1]


def bare(text: str) -> str:
    """Return a text without its spaces: where words part is another question."""
    return "".join(text.split())


def rates(script: str, turns: list[int], pages: int) -> Iterator[float]:
    for degrees in turns:
        wrong = letters = 0
        for seed in range(pages):
            image, lines = page(script, seed)
            wanted = bare("".join(lines))
            wrong += distance(bare(read(turned(image, degrees))), wanted)
            letters += len(wanted)
        yield wrong / letters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--scripts", default=",".join(FONTS))
    parser.add_argument("--turns", default=",".join(map(str, TURNS)))
    asked = parser.parse_args()
    turns = [int(each) for each in asked.turns.split(",")]
    print(f"{rapidocr.__name__} {reader.model_name()}; CER by turn in degrees")
    print(f"{'':<10}" + "".join(f"{each:>8}" for each in turns))
    for script in asked.scripts.split(","):
        try:
            page(script, 0)
        except OSError:
            print(f"{script:<10} no font here: {FONTS[script]}")
            continue
        found = rates(script, turns, asked.pages)
        print(f"{script:<10}" + "".join(f"{each:8.3f}" for each in found), flush=True)


if __name__ == "__main__":
    main()
