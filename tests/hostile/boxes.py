"""The two ways in which films nest their parts: boxes of MP4 and elements of Matroska."""

import struct
from collections.abc import Iterator

NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf"})


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def found(data: bytes | bytearray, kind: bytes) -> Iterator[int]:
    """Yield where the body of each box of a kind begins."""
    yield from _found(data, kind, 0, len(data))


def _found(data: bytes | bytearray, kind: bytes, at: int, end: int) -> Iterator[int]:
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4])
        if size < 8:
            return
        if data[at + 4 : at + 8] == kind:
            yield at + 8
        if bytes(data[at + 4 : at + 8]) in NESTED:
            yield from _found(data, kind, at + 8, at + size)
        at += size


def patched(data: bytes, kind: bytes, offset: int, value: bytes) -> bytes:
    """Return an MP4 with bytes at an offset of every box of a kind replaced."""
    changed = bytearray(data)
    for at in found(data, kind):
        changed[at + offset : at + offset + len(value)] = value
    return bytes(changed)


def rebuilt(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Return an MP4 with another body in every box of a kind, and all sizes as they must be."""
    out, at = b"", 0
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        inner = data[at + 8 : at + size]
        if name == kind:
            inner = body
        elif name in NESTED:
            inner = rebuilt(inner, kind, body)
        out += box(name, inner)
        at += size
    return out


def element(number: int, *parts: bytes) -> bytes:
    """Return an element of Matroska; its number is written as it is, with its mark."""
    body = b"".join(parts)
    name = number.to_bytes((number.bit_length() + 7) // 8)
    return name + (len(body) | 1 << 56).to_bytes(8) + body


def unsigned(number: int, value: int) -> bytes:
    return element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))


def matroska(*parts: bytes) -> bytes:
    """Return a file of Matroska with these parts in its segment."""
    head = element(0x1A45DFA3, element(0x4282, b"matroska"), unsigned(0x4287, 4))
    return head + element(0x18538067, *parts)
