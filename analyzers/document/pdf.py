"""PDF: pages with their picture; what their text layer says, in reading order and with boxes."""

import ctypes
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import pdf_page
from analyzers.document.blocks import Role, joined
from analyzers.document.layout import laid_out
from analyzers.document.lines import Box, Line
from analyzers.document.pages import placed_segments
from analyzers.document.paragraphs import Placed, Style
from analyzers.document.pdf_page import percent
from analyzers.document.pictures import pictured, worth_keeping
from analyzers.document.running import Sheet, running
from analyzers.image import decoder
from analyzers.image.segmenter import THUMBNAIL_SIDE, jpeg
from analyzers.text.language import detect
from dataflux.errors import MediaFailed
from schemas.names import Reason

PAGES_A_PIECE = 25
STYLE_PAGES = 24
"""Pages, evenly taken from the whole document, that tell its sizes: the same for every piece."""
NEIGHBOURS = 2
"""Pages before and after a piece that are asked which of its lines are headers."""
PICTURE_SIDE = 1_000
SCAN_SIDE = 1_800
"""A page that is only a picture is kept large enough to be read."""
FEWEST_LETTERS = 4
"""A page with fewer has no text layer: at most a stray page number over a scan."""
EMBEDDED_SIDE = 1_280
WHOLE_PAGE = 0.85
"""A picture that covers as much of a page with text is the scan that the text was read from."""
PASSWORD_ERROR = 4


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    bounds: Box
    """Of what is shown of it."""
    turns: Mapping[int, Sequence[Line]]
    """Its lines by the quarters they are turned by; most are in the first."""

    @property
    def lines(self) -> Sequence[Line]:
        return next(iter(self.turns.values()), ())

    @property
    def turn(self) -> int:
        return next(iter(self.turns), 0)

    @property
    def has_text(self) -> bool:
        return sum(len(line.text) for line in self.lines) >= FEWEST_LETTERS

    @property
    def sheet(self) -> Sheet:
        _, bottom, _, top = pdf_page.turned(self.bounds, self.turn)
        return Sheet(self.number, bottom, top, self.lines)


def load() -> None:
    """Run pdfium once: its callbacks need memory that a sealed process cannot make executable.

    On a page in two columns with a picture: what the steps import, they import now.
    """
    buffer = io.BytesIO(_warming())
    for _ in read(buffer, None, Limits()):
        pass
    metadata(buffer, Limits())


def _warming() -> bytes:
    import pypdfium2
    import pypdfium2.raw as pdfium

    words = ctypes.create_string_buffer("Words to warm up on".encode("utf-16-le") + b"\0\0")
    buffer = io.BytesIO()
    with closing(pypdfium2.PdfDocument.new()) as document:
        page = document.new_page(595, 842)
        for row in range(6):
            for x in (72, 320):
                item = pdfium.FPDFPageObj_NewTextObj(document, b"Helvetica", 11)
                pdfium.FPDFText_SetText(item, ctypes.cast(words, pdfium.FPDF_WIDESTRING))
                pdfium.FPDFPageObj_Transform(item, 1, 0, 0, 1, x, 700 - 14 * row)
                pdfium.FPDFPage_InsertObject(page, item)
        picture = pypdfium2.PdfImage.new(document)
        picture.load_jpeg(io.BytesIO(decoder.sample()))
        picture.set_matrix(pypdfium2.PdfMatrix(200, 0, 0, 150, 72, 300))
        page.insert_obj(picture)
        page.gen_content()
        page.close()
        document.save(buffer)
    return buffer.getvalue()


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
        total = len(document)
        first, end = (int(piece.start), int(piece.end)) if piece else (1, total + 1)
        wanted = range(first, min(end, total + 1))
        known = {n: _page(document, n, limits) for n in _asked(wanted, total)}
        style = Style.of([line for n in _sample(total) for line in known[n].lines])
        edges = running([page.sheet for page in known.values()], style.body)
        texts = [line.text for n in wanted for line in known[n].lines[:50]]
        language = detect("\n".join(texts[:100]))[0]
        count = 0
        for number in wanted:
            for found in _found(document, known[number], style, edges.get(number, {}), language):
                count += isinstance(found, Segment)
                limits.hold("segments", count)
                yield found


def _sample(total: int) -> list[int]:
    """Return the pages whose sizes stand for the whole document."""
    if total <= PAGES_A_PIECE:
        return list(range(1, total + 1))
    return sorted({1 + at * (total - 1) // (STYLE_PAGES - 1) for at in range(STYLE_PAGES)})


def _asked(wanted: range, total: int) -> list[int]:
    around = range(max(1, wanted.start - NEIGHBOURS), min(wanted.stop + NEIGHBOURS, total + 1))
    return sorted({*around, *_sample(total)})


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
        return Page(number, page.get_bbox(), pdf_page.lines(layer, count))


def _found(
    document: Any, page: Page, style: Style, edges: Mapping[int, Role], language: str | None
) -> Iterator[Segment | Artifact]:
    key, marker = f"page-{page.number}", {"page": page.number}
    with _opened_page(document, page.number) as opened:
        width, height = opened.get_size()
        facts = {"width_pt": _finite(width), "height_pt": _finite(height)}
        technical = {"page": {**facts, "text_layer": page.has_text}}
        yield Segment(
            "page", dict(marker), dict(marker), key=key, features={"technical": technical}
        )
        yield from _views(opened, key, page.has_text)
        if not page.has_text:
            return
        links = pdf_page.links(document, opened)
        for number, placed in enumerate(_placed(page, style, edges)):
            linked = replace(placed.block, links=_leading_out(placed, links))
            yield from placed_segments(
                f"{key}-{number}",
                replace(placed, block=linked),
                marker,
                partial(percent, opened),
                language,
            )
        yield from _embedded(opened, page)


def _placed(page: Page, style: Style, edges: Mapping[int, Role]) -> Iterator[Placed]:
    """Yield the blocks of a page, with boxes of the page as it is, whatever its text's turn."""
    for turn, lines in page.turns.items():
        for placed in laid_out(lines, style, edges if turn == page.turn else {}):
            yield placed if turn == 0 else _turned_back(placed, turn)


def _turned_back(placed: Placed, turn: int) -> Placed:
    grid = placed.grid
    if grid is not None:
        grid = replace(grid, boxes=[pdf_page.turned(box, -turn) for box in grid.boxes])
    return replace(placed, box=pdf_page.turned(placed.box, -turn), grid=grid)


def _leading_out(placed: Placed, links: Sequence[pdf_page.Link]) -> list[str]:
    """Return the targets of the links whose middle lies in a block."""
    left, bottom, right, top = placed.box
    return [
        link.target
        for link in links
        if left <= (link.box[0] + link.box[2]) / 2 <= right
        and bottom <= (link.box[1] + link.box[3]) / 2 <= top
    ]


def _views(page: Any, key: str, has_text: bool) -> Iterator[Artifact]:
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


def _embedded(page: Any, known: Page) -> Iterator[Segment | Artifact]:
    """Yield the pictures on a page; not the one picture that a scanned page is."""
    for number, picture in enumerate(pdf_page.pictures(page)):
        box = percent(page, picture.box)
        large = box[2] * box[3] >= WHOLE_PAGE * 10_000
        if large or not worth_keeping(picture.width, picture.height):
            continue
        marker = {"page": known.number, "xywh": box}
        facts = {"width": picture.width, "height": picture.height}
        name = f"page-{known.number}-image-{number}"
        yield from pictured(_cut_out(page, box, facts), name, marker, f"page-{known.number}", facts)


def _cut_out(page: Any, box: Sequence[float], facts: Mapping[str, int]) -> Any:
    """Return a part of the page as it is shown, about as large as the picture in it."""
    width, height = page.get_size()
    x, y, across, down = (value / 100 for value in box)
    longest = max(across * width, down * height)
    scale = min(EMBEDDED_SIDE, max(facts.values())) / longest
    crop = (x * width, (1 - y - down) * height, (1 - x - across) * width, y * height)
    return page.render(scale=scale, crop=crop).to_pil().convert("RGB")


def _finite(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
