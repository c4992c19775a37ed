"""Hostile sound: sizes and rates that lie, samples that are no numbers, tags without an end."""

import io
import math
import struct
from typing import Any

import av
import numpy as np

from tests.fuzz.seeds import seed
from tests.hostile.case import CORRUPT, LIMIT, PARTLY, READ, TIMEOUT, Case, always

EMPTY = "empty_media"


def _wav(
    samples: bytes, *, channels: int = 1, rate: int = 16_000, form: int = 1, bits: int = 16,
    size: int | None = None,
) -> bytes:  # fmt: skip
    width = channels * bits // 8
    head = struct.pack("<HHIIHH", form, channels & 0xFFFF, rate & 0xFFFFFFFF,
                       rate * width & 0xFFFFFFFF, width & 0xFFFF, bits)  # fmt: skip
    claimed = len(samples) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    body += b"data" + struct.pack("<I", claimed) + samples
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def _no_numbers() -> bytes:
    values = np.tile(np.array([math.nan, math.inf, -math.inf, 1e38, 0.1], np.float32), 4_000)
    return _wav(values.tobytes(), form=3, bits=32)


def _tagged(size: int) -> bytes:
    """Return an MP3 that claims tags of a size before its sound."""
    seven = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + seven + b"APIC" + bytes(2000)


def _flac_of_ages() -> bytes:
    """Return FLAC that claims 2^36 samples."""
    data = bytearray(seed("flac").data)
    data[8 + 13] |= 0x0F
    data[8 + 14 : 8 + 18] = b"\xff\xff\xff\xff"
    return bytes(data)


def _changing_rate() -> bytes:
    return seed("mp3").data + _mp3(44_100) + seed("mp3").data


def _mp3(rate: int) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp3", options={"fflags": "+bitexact"}) as target:
        stream: Any = target.add_stream("libmp3lame", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((2, rate), np.float32), "fltp", "stereo")
        frame.rate = rate
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def _silence(minutes: int) -> bytes:
    """Return silence at 8 kHz: a few bytes a second."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as target:
        stream: Any = target.add_stream("flac", rate=8_000, layout="mono", format="s16")
        for _ in range(minutes):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8_000 * 60), np.int16), "s16", "mono")
            frame.rate = 8_000
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def _endless_pages() -> bytes:
    """Return Ogg that begins again and again, and never says anything."""
    page = b"OggS\0\2" + bytes(8) + b"\1\0\0\0" + bytes(8) + b"\0"
    return page * 20_000


CASES = (
    Case("M19", "sound without a sample", "wav", always(lambda: _wav(b"")), (EMPTY, CORRUPT)),
    Case("M19", "ten minutes of silence", "flac", always(lambda: _silence(10)),
         (READ, PARTLY, TIMEOUT)),
    Case("M20", "a size of 4 GB", "wav", always(lambda: _wav(bytes(32_000), size=0xFFFFFFFF)),
         (READ,)),
    Case("M20", "samples that are no numbers", "wav", always(_no_numbers), (READ,)),
    Case("M20", "48 channels", "wav", always(lambda: _wav(bytes(960_000), channels=48)),
         (LIMIT,), "channels"),
    Case("M20", "1000 channels", "wav", always(lambda: _wav(bytes(2_000_000), channels=1_000)),
         (CORRUPT, LIMIT)),
    Case("M20", "ten million samples a second", "wav",
         always(lambda: _wav(bytes(100_000), rate=10_000_000)), (LIMIT,), "rate"),
    Case("M20", "no channel", "wav", always(lambda: _wav(bytes(32_000), channels=0)),
         (CORRUPT, "unsupported_codec", "no_decodable_stream")),
    Case("M20", "no rate", "wav", always(lambda: _wav(bytes(32_000), rate=0)),
         (CORRUPT, "unsupported_codec", "no_decodable_stream")),
    Case("M21", "256 MB of tags", "mp3", always(lambda: _tagged(256_000_000)),
         (LIMIT,), "metadata"),
    Case("M18", "a rate that changes", "mp3", always(_changing_rate), (READ, PARTLY)),
    Case("M12", "a FLAC of 50 days", "flac", always(_flac_of_ages), (LIMIT,), "duration"),
    Case("M19", "pages that say nothing", "ogg", always(_endless_pages),
         (CORRUPT, "no_decodable_stream", "unsupported_codec", EMPTY)),
)  # fmt: skip
