"""Small files of every format, friendly and hostile, made in memory."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from PIL import Image, ImageDraw, ImageFont

from analyzers.api import Artifact, BaseAnalyzer, Segment
from dataflux.errors import MediaFailed

Word = tuple[float, float, float, str]
"""x and y in points from the lower left corner, font size, text."""


def encoded(image: Image.Image, name: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def lettered(size: tuple[int, int], lines: Iterable[Word]) -> Image.Image:
    """Return a white picture with text; y counts from the top."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for x, y, points, text in lines:
        draw.text((x, y), text, fill="black", font=ImageFont.load_default(points))
    return image


def extracted(
    analyzer: BaseAnalyzer, data: bytes, **config: Any
) -> tuple[list[Segment], list[Artifact]]:
    found = list(analyzer.extract_segments(io.BytesIO(data), config))
    segments = [item for item in found if isinstance(item, Segment)]
    return segments, [item for item in found if isinstance(item, Artifact)]


def failure(analyzer: BaseAnalyzer, data: bytes, **config: Any) -> tuple[str, str | None]:
    """Return the reason and the limit a file is refused with."""
    try:
        extracted(analyzer, data, **config)
    except MediaFailed as error:
        return str(error.reason), error.limit
    raise AssertionError("the file was accepted")


def bodies(segments: Iterable[Segment], kind: str | None = None) -> list[str]:
    return [text.body for s in segments if kind in (None, s.type) for text in s.texts]


# --- pictures -------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """Return a black picture of one bit a pixel: huge in pixels, small in bytes."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg_header(width: int, height: int) -> bytes:
    """Return a JPEG that ends where its picture should begin."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


# --- PDF ------------------------------------------------------------------------------------------


def pdf(
    pages: Sequence[Sequence[Word]],
    *,
    rotate: int = 0,
    password: str | None = None,
    catalog: str = "",
    kids: str | None = None,
    annotations: str = "",
) -> bytes:
    """Return a PDF of A4 pages with text in Helvetica; it opens only with the password, if any."""
    refs = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects: dict[int, bytes] = {
        1: f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        2: f"<</Type/Pages/Kids[{kids or refs}]/Count {len(pages)}>>".encode(),
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    }
    lock = _Lock(password) if password else None
    for number, words in enumerate(pages):
        content = "".join(
            f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n" for x, y, size, text in words
        ).encode("cp1252")
        place = 4 + 2 * number
        objects[place] = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate {rotate}"
            f"/Resources<</Font<</F1 3 0 R>>>>/Annots[{annotations}]/Contents {place + 1} 0 R>>"
        ).encode()
        if lock:
            content = lock.stream(content, place + 1)
        objects[place + 1] = b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)
    return _assembled(objects, lock.trailer() if lock else b"")


def _assembled(objects: Mapping[int, bytes], trailer: bytes) -> bytes:
    data, starts = b"%PDF-1.4\n", []
    for number, body in sorted(objects.items()):
        starts.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    tail = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n" % (count, trailer, len(data))
    return data + head + tail + b"%%EOF"


class _Lock:
    """The oldest encryption of PDF (40 bits): enough to need a password."""

    PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    ID = b"0123456789abcdef"
    RIGHTS = -4

    def __init__(self, password: str) -> None:
        padded = (password.encode() + self.PAD)[:32]
        self.owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
        seed = padded + self.owner + struct.pack("<i", self.RIGHTS) + self.ID
        self.key = hashlib.md5(seed).digest()[:5]

    def stream(self, data: bytes, number: int) -> bytes:
        salted = self.key + number.to_bytes(3, "little") + b"\0\0"
        return _rc4(hashlib.md5(salted).digest()[:10], data)

    def trailer(self) -> bytes:
        user = _rc4(self.key, self.PAD)
        return b"/ID[<%s><%s>]/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P %d>>" % (
            self.ID.hex().encode(),
            self.ID.hex().encode(),
            self.owner.hex().encode(),
            user.hex().encode(),
            self.RIGHTS,
        )


def _rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


# --- Office ---------------------------------------------------------------------------------------


def docx() -> bytes:
    import docx as library

    document = library.Document()
    document.add_heading("Harbour report", 0)
    document.add_paragraph("The crane was repaired in spring and has worked every day since then.")
    document.add_heading("Ships", 1)
    table = document.add_table(rows=3, cols=2)
    for row, values in zip(
        table.rows, (("name", "load"), ("Aurora", "coal"), ("Bella", "grain")), strict=True
    ):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    document.add_paragraph("Der Hafen war im Winter wegen des Eises vier Wochen lang geschlossen.")
    return _saved(document)


def pptx() -> bytes:
    import pptx as library

    deck = library.Presentation()
    for title, body in (
        ("Harvest", "Apples ripen early this year"),
        ("Outlook", "More rain ahead"),
    ):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    deck.slides[1].notes_slide.notes_text_frame.text = "Mention the flood of last May"
    return _saved(deck)


def xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "Staff"
    book.active.append(["name", "city"])
    for number in range(25):
        book.active.append([f"person{number}", "=1+1" if number == 3 else "Kassel"])
    book.create_sheet("Empty")
    other = book.create_sheet("Loose")
    other["B7"] = 4.5
    return _saved(book)


def _saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def rezipped(data: bytes, changed: Mapping[str, bytes]) -> bytes:
    """Return an archive with some of its parts replaced or added."""
    source: BinaryIO = io.BytesIO(data)
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name not in changed:
                new.writestr(name, old.read(name))
        for name, part in changed.items():
            new.writestr(name, part)
    return buffer.getvalue()
