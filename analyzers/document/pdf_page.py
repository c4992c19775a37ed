"""One page of a PDF as pdfium gives it: runs of letters, links and the places of pictures."""

import ctypes
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from analyzers.document.lines import Box, Line, Run, lines_of, union

HYPHEN = "\x02"
"""What pdfium puts where a hyphen broke a word at the end of a line."""
GAP = 0.75
"""A run ends where the next letter is further away, in font sizes."""
SHIFT = 0.2
BOLD = re.compile(r"bold|black|heavy|demi|-medi$|cmbx", re.IGNORECASE)
FORCED_BOLD = 1 << 18
MOST_LINKS = 500
MOST_PICTURES = 100
PERCENT = 10_000


@dataclass(frozen=True, slots=True)
class Link:
    box: Box
    target: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image on the page, and how many pixels it has."""

    box: Box
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a letter stands in the frame in which it is upright."""

    box: Box
    baseline: float
    turn: int


@dataclass(slots=True)
class _Letters:
    """Letters that follow each other on a baseline."""

    text: list[str] = field(default_factory=list)
    places: list[_Place] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    size: float = 0.0


def lines(layer: Any, count: int) -> dict[int, list[Line]]:
    """Return the lines of a page by the quarters their letters are turned by, in upright frames.

    The direction that most letters have comes first.
    """
    found: dict[int, list[Run]] = defaultdict(list)
    for turn, run in _runs(layer, count):
        found[turn].append(run)
    ordered = sorted(found, key=lambda turn: -sum(len(run.text) for run in found[turn]))
    return {turn: lines_of(found[turn]) for turn in ordered}


def _runs(layer: Any, count: int) -> Iterator[tuple[int, Run]]:
    import pypdfium2.raw as pdfium

    letters = _Letters()
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(layer, index)
        letter = chr(code) if 0 < code < 0x110000 else ""
        if letter in ("\r", "\n"):
            yield from _run(layer, letters)
            letters = _Letters()
        elif letter == HYPHEN or (letter and letter.isspace()):
            letters.text.append(HYPHEN if letter == HYPHEN else " ")
        elif letter and (place := _place(layer, index)):
            if letters.places and _apart(letters, place):
                yield from _run(layer, letters)
                letters = _Letters()
            letters.size = letters.size or _size(layer, index)
            letters.text.append(letter)
            letters.places.append(place)
            letters.indexes.append(index)
    yield from _run(layer, letters)


def _place(layer: Any, index: int) -> _Place | None:
    import pypdfium2.raw as pdfium

    box, x, y = pdfium.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    if not pdfium.FPDFText_GetLooseCharBox(layer, index, ctypes.byref(box)):
        return None
    pdfium.FPDFText_GetCharOrigin(layer, index, ctypes.byref(x), ctypes.byref(y))
    turn = _quarters(pdfium.FPDFText_GetCharAngle(layer, index))
    upright = turned((box.left, box.bottom, box.right, box.top), turn)
    baseline = turned((x.value, y.value, x.value, y.value), turn)[1]
    return (
        _Place(upright, baseline, turn) if all(map(math.isfinite, (*upright, baseline))) else None
    )


def turned(box: Box, quarters: int) -> Box:
    """Return a box of the page in the frame in which text turned by these quarters is upright."""
    left, bottom, right, top = box
    for _ in range(quarters % 4):
        left, bottom, right, top = bottom, -right, top, -left
    return left, bottom, right, top


def _quarters(angle: float) -> int:
    """Return how far letters are turned, counterclockwise; pdfium counts the other way."""
    return round(-angle / (math.pi / 2)) % 4 if math.isfinite(angle) else 0


def _apart(letters: _Letters, place: _Place) -> bool:
    first, last, size = letters.places[0], letters.places[-1], letters.size or 1.0
    if place.turn != first.turn or abs(place.baseline - first.baseline) > SHIFT * size:
        return True
    return not -size < place.box[0] - last.box[2] <= GAP * size


def _run(layer: Any, letters: _Letters) -> Iterator[tuple[int, Run]]:
    text = " ".join("".join(letters.text).split())
    if not letters.places or not text:
        return
    first = letters.places[0]
    box = union(place.box for place in letters.places)
    bold = _is_bold(layer, letters.indexes[len(letters.indexes) // 2])
    yield first.turn, Run(text, box, letters.size or box[3] - box[1], first.baseline, bold)


def _size(layer: Any, index: int) -> float:
    """Return the font size of a letter in points; documents may set size 1 and scale it up."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(layer, index, ctypes.byref(matrix)):
        return 0.0
    scale = math.hypot(matrix.c, matrix.d)
    size = pdfium.FPDFText_GetFontSize(layer, index) * scale
    return float(size) if math.isfinite(size) else 0.0


def _is_bold(layer: Any, index: int) -> bool:
    """Return whether a letter's font calls itself bold."""
    import pypdfium2.raw as pdfium

    name, flags = ctypes.create_string_buffer(200), ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(layer, index, name, len(name), ctypes.byref(flags))
    return bool(BOLD.search(name.value.decode("latin-1")) or flags.value & FORCED_BOLD)


def links(document: Any, page: Any) -> list[Link]:
    """Return where a page leads to: addresses only, nothing that would run."""
    import pypdfium2.raw as pdfium

    found: list[Link] = []
    position, link, rect = ctypes.c_int(), pdfium.FPDF_LINK(), pdfium.FS_RECTF()
    while len(found) < MOST_LINKS and pdfium.FPDFLink_Enumerate(
        page, ctypes.byref(position), ctypes.byref(link)
    ):
        action = pdfium.FPDFLink_GetAction(link)
        target = _address(document, action) if action else ""
        if target and pdfium.FPDFLink_GetAnnotRect(link, ctypes.byref(rect)):
            found.append(Link((rect.left, rect.bottom, rect.right, rect.top), target))
    return found


def _address(document: Any, action: Any) -> str:
    import pypdfium2.raw as pdfium

    if pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
        return ""
    buffer = ctypes.create_string_buffer(2_048)
    length = pdfium.FPDFAction_GetURIPath(document, action, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length <= len(buffer) else ""


def pictures(page: Any) -> Iterator[Picture]:
    """Yield the images that are drawn on a page, as many as a page for people has."""
    import pypdfium2.raw as pdfium

    width, height = ctypes.c_uint(), ctypes.c_uint()
    for number, item in enumerate(page.get_objects([pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=1)):
        if number >= MOST_PICTURES:
            return
        pdfium.FPDFImageObj_GetImagePixelSize(item, ctypes.byref(width), ctypes.byref(height))
        box = item.get_bounds()
        if all(map(math.isfinite, box)) and box[0] < box[2] and box[1] < box[3]:
            yield Picture(box, width.value, height.value)


def percent(page: Any, box: Box) -> list[float]:
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
