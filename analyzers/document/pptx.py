"""PPTX: slides, the text of their shapes with its place, tables and speaker's notes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from analyzers.api import Artifact, Marker, Range, Segment, Text
from analyzers.decoding import Limits, decoding
from analyzers.document.archives import checked
from analyzers.document.blocks import Block, BlockType, Role, clean, cuts, joined
from analyzers.document.flow import written
from analyzers.document.pictures import embedded
from analyzers.document.tables import text_of
from analyzers.image import decoder
from analyzers.text.language import detect

DEEPEST_GROUP = 20
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
OF_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
BLIP, HYPERLINK = DRAWING + "blip", DRAWING + "hlinkClick"
EMBED, IDENTITY = OF_OFFICE + "embed", OF_OFFICE + "id"
EDGES: dict[str, Role] = {"FOOTER": "footer", "HEADER": "header", "SLIDE_NUMBER": "page_number"}
Place = list[float] | None


def load() -> None:
    """Write and read a presentation: the library reads its templates only here."""
    import pptx

    deck, buffer = pptx.Presentation(), io.BytesIO()
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    slide.shapes.title.text = "Warm"
    slide.notes_slide.notes_text_frame.text = "up"
    slide.shapes.add_picture(io.BytesIO(decoder.sample()), 0, 0)
    deck.save(buffer)
    for _ in read(buffer, None, Limits()):
        pass
    metadata(buffer, Limits())


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    with _opened(file, limits) as deck:
        core = deck.core_properties
        found = {name: joined(getattr(core, name) or "")[:500] for name in ("title", "author")}
        return {"pages": len(deck.slides), **{n: value for n, value in found.items() if value}}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    total = 0
    with _opened(file, limits) as deck:
        for number, slide in enumerate(deck.slides, start=1):
            for found in _slide(deck, slide, number, limits):
                total += isinstance(found, Segment)
                limits.hold("segments", total)
                yield found


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[Any]:
    import pptx

    with checked(file, limits), decoding("PPTX"):
        deck = pptx.Presentation(file)
        limits.hold("pages", len(deck.slides))
        yield deck


def _slide(deck: Any, slide: Any, number: int, limits: Limits) -> Iterator[Segment | Artifact]:
    key, marker = f"slide-{number}", {"page": number}
    yield Segment("slide", dict(marker), dict(marker), key=key)
    found = list(_found(deck, slide))
    language = detect("\n".join(block.text for block, _ in found))[0]
    pictures = 0
    for count, (block, place) in enumerate(found):
        there: Marker = {**marker, "xywh": place} if place else marker
        if block.picture is not None:
            pictures += 1
            limits.hold("pictures", pictures)
            name = f"{key}-image-{count}"
            text = Text("written", block.text, language) if block.text else None
            yield from embedded(block.picture, name, there, key, text, limits)
            continue
        for part, (start, end) in enumerate(cuts(block.text)):
            name = f"{key}-{count}-{part}"
            yield written(name, block, block.text[start:end], there, language, key)


def _found(deck: Any, slide: Any) -> Iterator[tuple[Block, Place]]:
    """Yield what can be seen on a slide with its place; the speaker's notes have none."""
    title = slide.shapes.title
    title_id = title.shape_id if title is not None else None
    for shape in _shapes(slide.shapes, 0):
        place = _place(deck, shape)
        if (data := _picture(shape)) is not None:
            yield Block("image", joined(_description(shape)), picture=data), place
        elif text := _text(shape):
            level = 1 if shape.shape_id == title_id else None
            kind = _kind(shape, level)
            yield Block(kind, text, level, role=_role(shape), links=list(_links(shape))), place
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = clean(slide.notes_slide.notes_text_frame.text).strip()
        if notes:
            yield Block("paragraph", notes, role="notes"), None


def _picture(shape: Any) -> bytes | None:
    """Return the file of a picture that lies in the presentation; others are somewhere else."""
    fill = shape.element.find(f".//{BLIP}") if shape.element.tag.endswith("}pic") else None
    if fill is None or not fill.get(EMBED):
        return None
    part = shape.part.related_part(fill.get(EMBED))
    data: bytes = part.blob
    return data


def _description(shape: Any) -> str:
    element = next(shape.element.iter("{*}cNvPr"), None)
    return "" if element is None else element.get("descr") or ""


def _role(shape: Any) -> Role | None:
    """Return what a placeholder is for, if that is the same on every slide."""
    if not shape.is_placeholder:
        return None
    name = str(shape.placeholder_format.type).partition(" ")[0].rpartition(".")[2]
    return EDGES.get(name)


def _links(shape: Any) -> Iterator[str]:
    for link in shape.element.iter(HYPERLINK):
        relation = shape.part.rels.get(link.get(IDENTITY) or "")
        if relation is not None and relation.is_external:
            yield relation.target_ref


def _kind(shape: Any, level: int | None) -> BlockType:
    if shape.has_table:
        return "table"
    return "heading" if level else "paragraph"


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    for shape in shapes:
        if not hasattr(shape, "shapes"):
            yield shape
        elif depth < DEEPEST_GROUP:
            yield from _shapes(shape.shapes, depth + 1)


def _text(shape: Any) -> str:
    if shape.has_table:
        rows = [[joined(cell.text) for cell in row.cells] for row in shape.table.rows]
        return text_of(rows)
    if not shape.has_text_frame:
        return ""
    lines = (joined(paragraph.text) for paragraph in shape.text_frame.paragraphs)
    return "\n".join(line for line in lines if line)


def _place(deck: Any, shape: Any) -> Place:
    """Return x, y, width and height in percent of the slide, where the shape itself has them."""
    numbers = (shape.left, shape.top, shape.width, shape.height)
    size = (deck.slide_width, deck.slide_height)
    if None in numbers or not all(size):
        return None
    left, top, width, height = numbers
    x0, x1 = (min(max(v / size[0], 0.0), 1.0) for v in (left, left + width))
    y0, y1 = (min(max(v / size[1], 0.0), 1.0) for v in (top, top + height))
    return [round(100 * value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
