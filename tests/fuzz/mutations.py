"""Seeded mutations of bytes: what a fuzzer does, and what gets past checksums and compression."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

HOW_MANY = (1, 1, 1, 1, 2, 2, 3, 5, 8)
"""How many changes: with few, decoders get further into a file."""
LONGEST_BLOCK = 512
INTERESTING = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
WIDE = (*INTERESTING, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
ARCHIVES = frozenset({"docx", "pptx", "xlsx", "odt", "epub", "zip"})
INSIDE = 0.75
"""How often a part of an archive, or a chunk of a PNG, is changed and its checksum mended: most
changes of the whole get no further than that checksum."""

Change = Callable[[bytearray, random.Random, bytes], None]


def mutated(kind: str, data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a changed copy of a file of a kind; `other` is what may be spliced into it."""
    if kind in ARCHIVES and rng.random() < INSIDE:
        return _within_archive(data, other, rng)
    changed = _changed(data, other, rng)
    return _checksums_mended(changed) if kind == "png" and rng.random() < INSIDE else changed


def _changed(data: bytes, other: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice(HOW_MANY)):
        if changed:
            rng.choice(CHANGES)(changed, rng, other)
    return bytes(changed)


def _flip_bit(data: bytearray, rng: random.Random, other: bytes) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random, other: bytes) -> None:
    data[rng.randrange(len(data))] = rng.randrange(256)


def _set_bytes(data: bytearray, rng: random.Random, other: bytes) -> None:
    at, length = _block(data, rng)
    data[at : at + length] = rng.randbytes(length)


def _delete(data: bytearray, rng: random.Random, other: bytes) -> None:
    at, length = _block(data, rng)
    del data[at : at + length]


def _duplicate(data: bytearray, rng: random.Random, other: bytes) -> None:
    at, length = _block(data, rng)
    data[at:at] = bytes(data[at : at + length]) * rng.randint(1, 4)


def _swap(data: bytearray, rng: random.Random, other: bytes) -> None:
    (a, length), b = _block(data, rng), rng.randrange(len(data))
    first, second = bytes(data[a : a + length]), bytes(data[b : b + length])
    data[a : a + length] = second
    data[b : b + length] = first


def _truncate(data: bytearray, rng: random.Random, other: bytes) -> None:
    del data[rng.randrange(len(data)) :]


def _splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    start = rng.randrange(len(other))
    at = rng.randrange(len(data))
    data[at:at] = other[start : start + rng.randint(1, LONGEST_BLOCK)]


def _set_size(data: bytearray, rng: random.Random, other: bytes) -> None:
    """Put a number at its limits where a length, a count or an offset may be."""
    form = rng.choice("<>") + rng.choice("BHIQ")
    width = struct.calcsize(form)
    if len(data) >= width:
        value = rng.choice(WIDE) & ((1 << 8 * width) - 1)
        at = rng.randrange(len(data) - width + 1)
        data[at : at + width] = struct.pack(form, value)


def _near_the_head(data: bytearray, rng: random.Random, other: bytes) -> None:
    """Most of what is read first is in the first kilobyte."""
    data[rng.randrange(min(len(data), 1024))] = rng.choice(INTERESTING) & 0xFF


def _block(data: bytearray, rng: random.Random) -> tuple[int, int]:
    return rng.randrange(len(data)), rng.randint(1, min(LONGEST_BLOCK, len(data)))


CHANGES: tuple[Change, ...] = (
    _flip_bit,
    _flip_bit,
    _set_byte,
    _set_bytes,
    _delete,
    _duplicate,
    _swap,
    _truncate,
    _splice,
    _set_size,
    _set_size,
    _near_the_head,
)


def _within_archive(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Change one part and pack it anew: its checksum is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        chosen = rng.choice([entry.filename for entry in archive.infolist() if entry.file_size])
    return repacked(data, lambda n, part: _changed(part, other, rng) if n == chosen else part)


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return an archive with its parts changed, and without the time of day."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(_entry(name), change(name, old.read(name)))
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
    return entry


def _checksums_mended(data: bytes) -> bytes:
    """Return a PNG whose chunks have the checksums of what is in them."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(mended):
        end = at + 8 + int.from_bytes(mended[at : at + 4])
        if end + 4 > len(mended):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(mended[at + 4 : end]))
        at = end + 4
    return bytes(mended)
