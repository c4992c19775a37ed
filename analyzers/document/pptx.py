"""PPTX: slides, the text of their shapes with its place, tables and speaker's notes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from analyzers.api import Artifact, Marker, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document.archives import checked
from analyzers.document.blocks import Block, BlockType, clean, cuts, joined
from analyzers.document.flow import written
from analyzers.document.tables import text_of
from analyzers.text.language import detect

DEEPEST_GROUP = 20
Place = list[float] | None


def load() -> None:
    """Write and read a presentation: the library reads its templates only here."""
    import pptx

    deck, buffer = pptx.Presentation(), io.BytesIO()
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    slide.shapes.title.text = "Warm"
    slide.notes_slide.notes_text_frame.text = "up"
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
            for segment in _slide(deck, slide, number):
                total += 1
                limits.hold("segments", total)
                yield segment


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[Any]:
    import pptx

    with checked(file, limits), decoding("PPTX"):
        deck = pptx.Presentation(file)
        limits.hold("pages", len(deck.slides))
        yield deck


def _slide(deck: Any, slide: Any, number: int) -> Iterator[Segment]:
    key, marker = f"slide-{number}", {"page": number}
    yield Segment("slide", dict(marker), dict(marker), key=key)
    found = list(_found(deck, slide))
    language = detect("\n".join(block.text for block, _ in found))[0]
    for count, (block, place) in enumerate(found):
        there: Marker = {**marker, "xywh": place} if place else marker
        for part, (start, end) in enumerate(cuts(block.text)):
            name = f"{key}-{count}-{part}"
            yield written(name, block, block.text[start:end], there, language, key)


def _found(deck: Any, slide: Any) -> Iterator[tuple[Block, Place]]:
    """Yield what can be read on a slide with its place; the speaker's notes have none."""
    title = slide.shapes.title
    title_id = title.shape_id if title is not None else None
    for shape in _shapes(slide.shapes, 0):
        text = _text(shape)
        if text:
            level = 1 if shape.shape_id == title_id else None
            yield Block(_kind(shape, level), text, level), _place(deck, shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = clean(slide.notes_slide.notes_text_frame.text).strip()
        if notes:
            yield (
                Block("paragraph", notes, features={"semantic": {"role": {"name": "notes"}}}),
                None,
            )


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
