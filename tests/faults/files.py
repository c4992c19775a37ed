"""Small files of several kinds, each unlike every other, made from a seed."""

import io
import random
import struct
import zlib
from dataclasses import dataclass

SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu")
WORDS = [first + middle + last for first in SYLLABLES for middle in "lmnr" for last in SYLLABLES]


@dataclass(frozen=True)
class File:
    name: str
    mime_type: str
    data: bytes


def make(seed: int, number: int, *, largest: int = 64 << 10) -> File:
    """Return the file of a number: text, a table, a picture, or bytes that nobody can read."""
    drawn = random.Random(seed * 1_000_003 + number)
    kind = drawn.choices(("md", "csv", "png", "bin"), (5, 3, 2, 2))[0]
    made = {"md": _notes, "csv": _table, "png": _picture}.get(kind)
    data = made(drawn, number) if made else drawn.randbytes(drawn.randint(1, largest))
    return File(f"{number:05}.{kind}", _TYPES[kind], data)


_TYPES = {
    "md": "text/markdown",
    "csv": "text/csv",
    "png": "image/png",
    "bin": "application/octet-stream",
}


def _sentence(drawn: random.Random) -> str:
    return " ".join(drawn.choices(WORDS, k=drawn.randint(4, 9))).capitalize() + "."


def _notes(drawn: random.Random, number: int) -> bytes:
    paragraphs = [f"# Notes {number}", *(_sentence(drawn) for _ in range(drawn.randint(1, 4)))]
    return "\n\n".join(paragraphs).encode() + b"\n"


def _table(drawn: random.Random, number: int) -> bytes:
    rows = [f"{n},{drawn.choice(WORDS)},{drawn.randint(1, 99)}" for n in range(3)]
    return "\n".join([f"number,name,of {number}", *rows]).encode() + b"\n"


def _picture(drawn: random.Random, number: int) -> bytes:
    """Return a PNG of 16x16 pixels in one colour, with a number in it."""
    color = drawn.randbytes(3)
    pixels = (b"\0" + color * 16) * 16
    out = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, io.SEEK_END)
    for name, data in (
        (b"IHDR", struct.pack("!IIBBBBB", 16, 16, 8, 2, 0, 0, 0)),
        (b"tEXt", f"Comment\0{number}".encode()),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    ):
        out.write(struct.pack("!I", len(data)) + name + data)
        out.write(struct.pack("!I", zlib.crc32(name + data)))
    return out.getvalue()
