"""Hostile films: heads that lie, lists that lead elsewhere, streams that never begin."""

import io
import math
import struct
import zlib
from functools import cache
from typing import Any

import av
import numpy as np

from tests.analyzers.video.films import film, scenes
from tests.hostile.boxes import box, element, matroska, patched, rebuilt, unsigned
from tests.hostile.case import (
    ACTIVE,
    CORRUPT,
    LIMIT,
    OOM,
    PARTLY,
    READ,
    UNSUPPORTED,
    Bait,
    Case,
    always,
)

CODEC = "unsupported_codec"
NOTHING = "no_decodable_stream"
EMPTY = "empty_media"


@cache
def _mp4() -> bytes:
    return film(scenes(12, 12))


@cache
def _mkv() -> bytes:
    return film(scenes(12, 12), container="matroska")


def _without_index() -> bytes:
    return _mp4().replace(b"moov", b"mooo")


def _long() -> bytes:
    """Return a film each of whose pictures is shown for half a year."""
    data = _mp4().replace(b"edts", b"free")
    data = patched(data, b"mdhd", 12, struct.pack(">II", 1, 24 << 24))
    data = patched(data, b"mvhd", 12, struct.pack(">II", 1, 24 << 24))
    return patched(data, b"stts", 4, struct.pack(">III", 1, 24, 1 << 24))


def _fast() -> bytes:
    """Return a film of a million pictures a second."""
    data = patched(_mp4(), b"mdhd", 12, struct.pack(">I", 1_000_000))
    return patched(data, b"stts", 4, struct.pack(">III", 1, 24, 1))


def _vast() -> bytes:
    """Return a film of JPEGs that say that they have 65,500 by 65,500 pixels."""
    data = bytearray(film(scenes(4), codec="mjpeg", container="mov", pixels="yuvj420p"))
    at = 0
    while (at := data.find(b"\xff\xc0\0\x11\x08", at + 1)) > 0:
        data[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def _forty_streams() -> bytes:
    """Return a film of forty pictures, each in a track of its own."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as target:
        tracks: list[Any] = [target.add_stream("mjpeg", rate=1) for _ in range(40)]
        for track in tracks:
            track.width, track.height, track.pix_fmt = 32, 32, "yuvj420p"
        for track in tracks:
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            target.mux(track.encode(frame.reformat(format="yuvj420p")))
            target.mux(track.encode(None))
    return out.getvalue()


def _streams(count: int) -> bytes:
    """Return Matroska with many tracks and nothing in them."""
    tracks = b"".join(
        element(0xAE, unsigned(0xD7, n), unsigned(0x73C5, n), unsigned(0x83, 2),
                element(0x86, b"A_PCM/INT/LIT"))
        for n in range(1, count + 1)
    )  # fmt: skip
    return matroska(element(0x1549A966), element(0x1654AE6B, tracks))


def _subtitle_track(number: int) -> bytes:
    return element(0xAE, unsigned(0xD7, number), unsigned(0x73C5, number), unsigned(0x83, 17),
                   element(0x86, b"S_TEXT/UTF8"))  # fmt: skip


def _subtitles() -> bytes:
    block = element(0xA0, element(0xA1, b"\x81\0\0\0" + b"Hello"), unsigned(0x9B, 1000))
    cluster = element(0x1F43B675, unsigned(0xE7, 0), block)
    return matroska(element(0x1654AE6B, _subtitle_track(1)), cluster)


def _subtitled() -> bytes:
    """Return a film with a track of subtitles put in, and of a length that it does not say."""
    data = _mkv()
    tracks, segment = b"\x16\x54\xae\x6b", b"\x18\x53\x80\x67"
    at, whole = data.rindex(tracks) + 4, data.index(segment) + 4
    width = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + width]) & (1 << 7 * width) - 1
    body = data[at + width : at + width + size]
    if body[:1] == b"\xbf":  # a checksum comes first
        body = body[6:]
    made = element(0x1654AE6B, body, _subtitle_track(2))
    before = data[:whole] + b"\x01" + b"\xff" * 7 + data[whole + 8 : at - 4]
    return before + made + data[at + width + size :]


def _timed(duration: float) -> bytes:
    """Return Matroska that claims another length: one that is negative, or no number."""
    data = bytearray(_mkv())
    at = data.index(b"\x44\x89")  # Duration, a float of eight bytes
    data[at + 3 : at + 11] = struct.pack(">d", duration)
    return bytes(data)


def _disordered() -> bytes:
    times = [0, 40, 40, 41, 400, 80, 120, 5_000, 5_001, 160, 200, 240]
    return film(scenes(6, 6), container="matroska", times=sorted(times))


def _backwards() -> bytes:
    """Return Matroska whose blocks come before their cluster, and after one another."""
    data = bytearray(_mkv())
    at = 0
    while (at := data.find(b"\xa3", at + 1)) > 0 and at < len(data) - 16:
        if data[at + 2] == 0x81 or data[at + 4] == 0x81:
            place = at + (3 if data[at + 2] == 0x81 else 5)
            data[place : place + 2] = b"\x80\x00"
    return bytes(data)


def _hls(bait: Bait) -> bytes:
    return (
        f'#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{bait.url}/key"\n'
        f"#EXTINF:9,\n{bait.url}/a.ts\n#EXTINF:9,\nfile://{bait.secret}\n#EXT-X-ENDLIST\n"
    ).encode()


def _dash(bait: Bait) -> bytes:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f'<AdaptationSet><Representation id="1"><BaseURL>{bait.url}/dash.mp4</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    ).encode()


def _concat(bait: Bait) -> bytes:
    return f"ffconcat version 1.0\nfile '{bait.secret}'\nfile {bait.url}/c.mp4\n".encode()


def _imf(bait: Bait) -> bytes:
    return (
        '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3">'
        f"<Id>{bait.url}</Id></CompositionPlaylist>"
    ).encode()


def _sdp(bait: Bait) -> bytes:
    return (
        f"v=0\r\no=- 0 0 IN IP4 {bait.host}\r\ns=x\r\nc=IN IP4 {bait.host}\r\nt=0 0\r\n"
        f"m=video {bait.port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    ).encode()


def _pls(bait: Bait) -> bytes:
    return f"[playlist]\nNumberOfEntries=1\nFile1={bait.url}/a.mp3\n".encode()


def _list_inside(bait: Bait) -> bytes:
    """Return an MP4 whose media is a playlist."""
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"mdat", _hls(bait)) + box(b"moov")


def _reference_film(bait: Bait) -> bytes:
    """Return a film of QuickTime that only says where another is."""
    place = f"{bait.url}/other.mov\0".encode()
    reference = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(place)), place)
    return box(b"ftyp", b"qt  \0\0\2\0qt  ") + box(b"moov", box(b"rmra", box(b"rmda", reference)))


def _media_elsewhere(bait: Bait) -> bytes:
    """Return a film whose media is said to be in another file."""
    place = f"{bait.url}/media.mp4\0".encode()
    entry = box(b"url ", bytes(4), place)
    return rebuilt(_mp4(), b"dref", bytes(4) + struct.pack(">I", 1) + entry)


def _attachments() -> bytes:
    """Return a film with fonts of 48 MiB attached."""
    font = element(0x61A7, element(0x466E, b"a.ttf"), element(0x4660, b"font/ttf"),
                   unsigned(0x46AE, 1), element(0x465C, bytes(16 << 20)))  # fmt: skip
    data = _mkv()
    return data + element(0x1941A469, font * 3)


def _packed_track() -> bytes:
    """Return a track whose blocks unfold a thousandfold."""
    packing = element(0x6D80, element(0x6240, unsigned(0x5031, 0), unsigned(0x5032, 1),
                      unsigned(0x5033, 0), element(0x5034, unsigned(0x4254, 0))))  # fmt: skip
    track = element(0xAE, unsigned(0xD7, 1), unsigned(0x73C5, 1), unsigned(0x83, 1),
                    element(0x86, b"V_MJPEG"), packing,
                    element(0xE0, unsigned(0xB0, 64), unsigned(0xBA, 64)))  # fmt: skip
    block = element(0xA3, b"\x81\0\0\x80" + zlib.compress(bytes(64 << 20), 9))
    return matroska(element(0x1654AE6B, track), element(0x1F43B675, unsigned(0xE7, 0), block * 20))


def _changing() -> bytes:
    """Return a film whose pictures change their size from one to the next."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as target:
        stream: Any = target.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        for number, size in enumerate(((320, 180), (64, 64), (640, 32), (16, 400), (320, 180)) * 2):
            for packet in _picture(size, number):
                packet.stream, packet.pts = stream, number * 200
                packet.dts = number * 200
                target.mux(packet)
    return out.getvalue()


def _picture(size: tuple[int, int], number: int) -> Any:
    from fractions import Fraction

    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = *size, "yuvj420p"
    codec.time_base = Fraction(1, 1000)
    pixels = np.full((size[1], size[0], 3), 25 * number, np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuvj420p")
    frame.pts, frame.time_base = number * 200, codec.time_base
    return [*codec.encode(frame), *codec.encode(None)]


def _cover_only() -> bytes:
    """Return sound's container with a picture of its cover, and no sound."""
    flags = struct.pack(">HHI", 0, 0, 0)
    return box(b"ftyp", b"M4A \0\0\2\0M4A ") + box(
        b"moov", box(b"udta", box(b"meta", bytes(4), box(b"ilst", box(b"covr", box(
            b"data", struct.pack(">II", 13, 0), b"\xff\xd8\xff" + flags)))))
    )  # fmt: skip


def _nested_boxes(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = box(b"moov", body)
    return box(b"ftyp", b"isom\0\0\2\0isom") + body


def _counted() -> bytes:
    """Return a film whose tables claim four billion entries."""
    data = _mp4()
    for table in (b"stts", b"stsz", b"stsc", b"stco"):
        at = 8 if table == b"stsz" else 4
        data = patched(data, table, at, b"\xff\xff\xff\xff")
    return data


CASES = (
    Case("M11", "an MP4 without its index", "mp4", always(_without_index), (CORRUPT,)),
    Case("M11", "an MP4 cut short", "mp4", always(lambda: _mp4()[: len(_mp4()) * 7 // 10]),
         (CORRUPT, READ, PARTLY)),
    Case("M11", "a Matroska cut short", "mkv", always(lambda: _mkv()[: len(_mkv()) * 7 // 10]),
         (READ, PARTLY)),
    Case("M12", "a billion seconds", "mp4", always(_long), (LIMIT,), "duration"),
    Case("M12", "a million pictures a second", "mp4", always(_fast), (LIMIT,), "fps"),
    Case("M12", "pictures of 65535 by 65535", "mov", always(_vast), (LIMIT, CORRUPT)),
    Case("M12", "tables of 4 billion entries", "mp4", always(_counted),
         (CORRUPT, OOM, NOTHING, EMPTY)),
    Case("M13", "40 streams", "mkv", always(_forty_streams), (LIMIT,), "streams"),
    Case("M13", "100000 streams", "mkv", always(lambda: _streams(100_000)), (LIMIT, CORRUPT)),
    Case("M13", "nothing but subtitles", "mkv", always(_subtitles), (NOTHING,)),
    Case("M13", "subtitles beside the pictures", "mkv", always(_subtitled), (READ,)),
    Case("M13", "nothing but a cover", "m4a", always(_cover_only), (NOTHING, CORRUPT)),
    Case("M14", "times that stand still and jump", "mkv", always(_disordered), (READ,)),
    Case("M14", "times before the beginning", "mkv", always(_backwards),
         (READ, PARTLY, EMPTY, CORRUPT)),
    Case("M14", "a length that is no number", "mkv", always(lambda: _timed(math.nan)),
         (READ, CORRUPT)),
    Case("M14", "a negative length", "mkv", always(lambda: _timed(-1e12)), (READ, CORRUPT)),
    Case("M14", "an endless length", "mkv", always(lambda: _timed(math.inf)),
         (READ, CORRUPT, LIMIT)),
    Case("M15", "a playlist of HLS", "mp4", _hls, (ACTIVE,)),
    Case("M15", "a manifest of DASH", "mp4", _dash, (ACTIVE,)),
    Case("M15", "a list to concatenate", "mp4", _concat, (ACTIVE,)),
    Case("M15", "a composition of IMF", "mp4", _imf, (ACTIVE,)),
    Case("M15", "a session of SDP", "mp4", _sdp, (ACTIVE,)),
    Case("M15", "a list of PLS", "mp3", _pls, (ACTIVE,)),
    Case("M15", "a playlist inside an MP4", "mp4", _list_inside, (CORRUPT, NOTHING)),
    Case("M15", "a film that refers to another", "mov", _reference_film, (CORRUPT, NOTHING)),
    Case("M15", "media that lies elsewhere", "mp4", _media_elsewhere,
         (CORRUPT, NOTHING, READ, PARTLY, EMPTY)),
    Case("M16", "48 MiB of fonts attached", "mkv", always(_attachments), (READ,)),
    Case("M16", "blocks that unfold a thousandfold", "mkv", always(_packed_track),
         (CORRUPT, EMPTY, LIMIT)),
    Case("M17", "pictures with common encryption", "mp4",
         always(lambda: _mp4().replace(b"avc1\0", b"encv\0")), ("encrypted_media",)),
    Case("M17", "a codec that nobody knows", "mp4",
         always(lambda: _mp4().replace(b"avc1\0", b"zzzz\0")), (CODEC,)),
    Case("M18", "pictures of changing size", "mkv", always(_changing), (READ, PARTLY, CORRUPT)),
    Case("M19", "one picture", "mp4", always(lambda: film(scenes(1))), (READ,)),
    Case("M11", "boxes in boxes, 10000 deep", "mp4", always(lambda: _nested_boxes(10_000)),
         (CORRUPT, NOTHING)),
    Case("M9", "noise after a head of MP4", "mp4",
         always(lambda: box(b"ftyp", b"isom\0\0\2\0isom") + bytes(range(256)) * 400), (CORRUPT,)),
    Case("U8", "a program", "mp4", always(lambda: b"\x7fELF" + bytes(4000)), (UNSUPPORTED,)),
)  # fmt: skip
