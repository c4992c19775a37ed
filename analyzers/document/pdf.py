"""PDF: pages with their picture; paragraphs and headings of their text layer, with boxes."""

import ctypes
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document.blocks import Block, cuts, joined
from analyzers.document.flow import written
from analyzers.document.lines import Box, Group, Line, body_size, groups, heading_sizes, union
from analyzers.image.segmenter import THUMBNAIL_SIDE, jpeg
from analyzers.text.language import detect
from dataflux.errors import MediaFailed
from schemas.names import Reason

PAGES_A_PIECE = 25
PICTURE_SIDE = 1_000
SCAN_SIDE = 1_800
"""A page that is only a picture is kept large enough to be read."""
FEWEST_LETTERS = 4
"""A page with fewer has no text layer: at most a stray page number over a scan."""
PERCENT = 10_000
PASSWORD_ERROR = 4
HYPHEN = "\x02"
"""What pdfium puts where a hyphen broke a word at the end of a line."""


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    lines: Sequence[Line]

    @property
    def has_text(self) -> bool:
        return sum(len(line.text) for line in self.lines) >= FEWEST_LETTERS


def load() -> None:
    """Run pdfium once: its callbacks need memory that a sealed process cannot make executable."""
    import pypdfium2

    buffer = io.BytesIO()
    with closing(pypdfium2.PdfDocument.new()) as document:
        document.new_page(72, 72).close()
        document.save(buffer)
    for _ in read(buffer, None, Limits()):
        pass
    metadata(buffer, Limits())


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    import pypdfium2.raw as pdfium

    with _opened(file, limits) as document:
        with decoding("PDF"):
            named = document.get_metadata_dict(skip_empty=True)
            scripts = pdfium.FPDFDoc_GetJavaScriptActionCount(document)
            attachments = pdfium.FPDFDoc_GetAttachmentCount(document)
        texts = {name.lower(): joined(str(value))[:500] for name, value in named.items()}
        wanted = {n: texts[n] for n in ("title", "author", "subject", "keywords") if n in texts}
        counts = {"scripts": max(0, scripts), "attachments": max(0, attachments)}
        return {"pages": len(document), **wanted, **counts}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    with _opened(file, limits) as document:
        count = len(document)
    starts = range(1, count + 1, PAGES_A_PIECE)
    return [Range("pages", at, min(at + PAGES_A_PIECE, count + 1)) for at in starts]


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    with _opened(file, limits) as document:
        first, end = (int(piece.start), int(piece.end)) if piece else (1, len(document) + 1)
        numbers = range(first, min(end, len(document) + 1))
        pages = [_page(document, number, limits) for number in numbers]
        lines = [line for page in pages for line in page.lines]
        body = body_size(lines)
        headings = heading_sizes(lines, body)
        language = detect("\n".join(line.text for line in lines[:100]))[0]
        count = 0
        for page in pages:
            for found in _page_found(document, page, groups(page.lines, body, headings), language):
                count += isinstance(found, Segment)
                limits.hold("segments", count)
                yield found


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[Any]:
    import pypdfium2

    file.seek(0)
    with decoding("PDF"):
        try:
            document = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == PASSWORD_ERROR:
                raise MediaFailed(Reason.ENCRYPTED_DOCUMENT, "it needs a password") from error
            raise
    with closing(document):
        limits.hold("pages", len(document))
        yield document


@contextmanager
def _opened_page(document: Any, number: int) -> Iterator[Any]:
    with decoding(f"PDF page {number}"), closing(document[number - 1]) as page:
        yield page


def _page(document: Any, number: int, limits: Limits) -> Page:
    with _opened_page(document, number) as page, closing(page.get_textpage()) as layer:
        count = layer.count_chars()
        limits.hold("text_bytes", count)
        return Page(number, list(_lines(page, layer, count)))


def _page_found(
    document: Any, page: Page, found: Sequence[Group], language: str | None
) -> Iterator[Segment | Artifact]:
    key = f"page-{page.number}"
    marker = {"page": page.number}
    with _opened_page(document, page.number) as opened:
        width, height = opened.get_size()
        facts = {"width_pt": _finite(width), "height_pt": _finite(height)}
        technical = {"page": {**facts, "text_layer": page.has_text}}
        yield Segment(
            "page", dict(marker), dict(marker), key=key, features={"technical": technical}
        )
        yield from _pictures(opened, key, page.has_text)
        for number, group in enumerate(found if page.has_text else ()):
            place = {**marker, "xywh": _percent(opened, group.box)}
            block = Block("heading" if group.level else "paragraph", group.text, group.level)
            for part, (start, end) in enumerate(cuts(group.text)):
                name = f"{key}-{number}-{part}"
                yield written(name, block, group.text[start:end], place, language, key)


def _pictures(page: Any, key: str, has_text: bool) -> Iterator[Artifact]:
    """Yield the page as it looks: small for people, larger where it has to be read off."""
    longest = max(page.get_size())
    if not (math.isfinite(longest) and longest > 0):
        return
    side = PICTURE_SIDE if has_text else SCAN_SIDE
    image = page.render(scale=side / longest).to_pil().convert("RGB")
    if not has_text:
        yield Artifact("scan", "image/jpeg", jpeg(image), key)
    for kind, side in (("keyframe", PICTURE_SIDE), ("thumbnail", THUMBNAIL_SIDE)):
        image.thumbnail((side, side))
        size = {"width": image.width, "height": image.height}
        yield Artifact(kind, "image/jpeg", jpeg(image, 80), key, size)


def _lines(page: Any, layer: Any, count: int) -> Iterator[Line]:
    """Yield the lines of a page in reading order, as pdfium separates them."""
    import pypdfium2.raw as pdfium

    box = pdfium.FS_RECTF()
    letters: list[str] = []
    boxes: list[Box] = []
    inked = 0
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(layer, index)
        letter = chr(code) if 0 < code < 0x110000 else ""
        if letter not in ("\r", "\n"):
            letters.append(letter)
        if _inked(letter) and pdfium.FPDFText_GetLooseCharBox(layer, index, ctypes.byref(box)):
            boxes.append((box.left, box.bottom, box.right, box.top))
            inked = index
        if letter in ("\r", "\n", HYPHEN) or index == count - 1:
            yield from _line(letters, boxes, layer, inked)
            letters, boxes = [], []


def _inked(letter: str) -> bool:
    return bool(letter) and not letter.isspace() and letter != HYPHEN


def _line(letters: Sequence[str], boxes: Sequence[Box], layer: Any, inked: int) -> list[Line]:
    text = " ".join("".join(letters).split())
    return [Line(text, union(boxes), _size(layer, inked))] if text and boxes else []


def _size(layer: Any, index: int) -> float:
    """Return the font size of a letter in points; documents may set size 1 and scale it up."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(layer, index, ctypes.byref(matrix)):
        return 0.0
    scale = math.hypot(matrix.c, matrix.d)
    size = pdfium.FPDFText_GetFontSize(layer, index) * scale
    return float(size) if math.isfinite(size) else 0.0


def _percent(page: Any, box: Box) -> list[float]:
    """Return a box as x, y, width, height in percent of the page as it is shown."""
    left, bottom, right, top = box
    corners = [_shown(page, left, bottom), _shown(page, right, top)]
    (x0, x1), (y0, y1) = (sorted(axis) for axis in zip(*corners, strict=True))
    return [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]


def _shown(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return a point of the page in percent from the upper left, rotation and crop applied."""
    import pypdfium2.raw as pdfium

    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(
        page, 0, 0, PERCENT, PERCENT, 0, x, y, ctypes.byref(across), ctypes.byref(down)
    )
    inside = (min(max(value.value / (PERCENT / 100), 0.0), 100.0) for value in (across, down))
    return next(inside), next(inside)


def _finite(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
