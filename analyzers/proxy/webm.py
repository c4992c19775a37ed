"""WebM written in parts that need not know of each other: clusters first, the head at the end.

A cluster carries absolute times, so those that pieces of a film make, some with pictures and
some with sound, are one film as soon as they follow each other behind one head. What a library's
muxer writes would have to be read and written once more to be joined. Sources: RFC 8794 (EBML),
RFC 9559 (Matroska), the WebM container guidelines.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

EBML, SEGMENT, INFO, TRACKS, CUES, CLUSTER = (
    0x1A45DFA3,
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0x1C53BB6B,
    0x1F43B675,
)
PICTURES, SOUND = 1, 2
"""Numbers of the two tracks."""
LONGEST_MS = 32_767
"""A block tells its time in 16 bits from the beginning of its cluster."""
WRITER = "DataFlux"
SEEK_PREROLL_NS = 80_000_000
"""What a decoder of Opus must hear before what it is asked for (RFC 7845)."""


@dataclass(frozen=True, slots=True)
class Block:
    """One encoded picture, or some milliseconds of sound."""

    time_ms: int
    key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Cue:
    """Where one can jump to: a cluster, by its distance from the first one."""

    time_ms: int
    track: int
    offset: int


def cluster(track: int, blocks: Sequence[Block]) -> bytes:
    """Return the blocks of one track as a cluster; they span at most LONGEST_MS."""
    start = blocks[0].time_ms
    return _element(
        CLUSTER,
        _uint(0xE7, start) + b"".join(_block(track, block, start) for block in blocks),
    )


def _block(track: int, block: Block, start: int) -> bytes:
    head = struct.pack(">BhB", 0x80 | track, block.time_ms - start, 0x80 if block.key else 0)
    return _element(0xA3, head + block.data)


def picture_track(width: int, height: int) -> bytes:
    """Return the description of a track of VP9."""
    size = _uint(0xB0, width) + _uint(0xBA, height)
    return _track(PICTURES, kind=1, codec="V_VP9", more=_element(0xE0, size))


def sound_track(rate: int, channels: int, head: bytes, delay_ns: int) -> bytes:
    """Return the description of a track of Opus; `head` is what its encoder says of itself."""
    audio = _float(0xB5, float(rate)) + _uint(0x9F, channels)
    more = (
        _element(0x63A2, head)
        + _uint(0x56AA, delay_ns)
        + _uint(0x56BB, SEEK_PREROLL_NS)
        + _element(0xE1, audio)
    )
    return _track(SOUND, kind=2, codec="A_OPUS", more=more)


def _track(number: int, *, kind: int, codec: str, more: bytes) -> bytes:
    return _element(
        0xAE,
        _uint(0xD7, number)
        + _uint(0x73C5, number)
        + _uint(0x83, kind)
        + _uint(0x9C, 0)  # no lacing
        + _element(0x86, codec.encode())
        + more,
    )


def head(tracks: Sequence[bytes], duration_ms: float, cues: Sequence[Cue], clusters: int) -> bytes:
    """Return all that comes before the clusters, which are `clusters` bytes together."""
    info = _element(
        INFO,
        _uint(0x2AD7B1, 1_000_000)
        + _float(0x4489, duration_ms)
        + _element(0x4D80, WRITER.encode())
        + _element(0x5741, WRITER.encode()),
    )
    described = info + _element(TRACKS, b"".join(tracks))
    first = len(described) + len(_cues(cues, 0))  # the positions are of one length, so it is known
    body = described + _cues(cues, first)
    return _ebml() + _id(SEGMENT) + _size(len(body) + clusters) + body


def _ebml() -> bytes:
    return _element(
        EBML,
        _uint(0x4286, 1)
        + _uint(0x42F7, 1)
        + _uint(0x42F2, 4)
        + _uint(0x42F3, 8)
        + _element(0x4282, b"webm")
        + _uint(0x4287, 4)
        + _uint(0x4285, 2),
    )


def _cues(cues: Sequence[Cue], first: int) -> bytes:
    points = []
    for cue in cues:
        place = _uint(0xF7, cue.track) + _uint(0xF1, first + cue.offset)
        points.append(_element(0xBB, _uint(0xB3, cue.time_ms) + _element(0xB7, place)))
    return _element(CUES, b"".join(points)) if points else b""


def _element(identity: int, body: bytes) -> bytes:
    return _id(identity) + _size(len(body)) + body


def _id(identity: int) -> bytes:
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big")


def _size(length: int) -> bytes:
    return (1 << 56 | length).to_bytes(8, "big")


def _uint(identity: int, value: int) -> bytes:
    return _element(identity, value.to_bytes(8, "big"))


def _float(identity: int, value: float) -> bytes:
    return _element(identity, struct.pack(">d", value))
