"""Typesets documents whose content is known: pages of one to three columns, from a seed.

What a layout analysis should say of a page is only known of pages that were set here: columns with
headlines across them, lists, tables, figures, footnotes and running heads, in many sizes and faces,
drawn in the order they are read or in any other.
"""

import ctypes
import io
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

SYLLABLES = """
    ba be bo da de di do fa fe fi ga go ha he ka ke ko la le li lo ma me mi mo na ne no pa pe po ra
    re ri ro sa se si so ta te ti to va ve vo wa we ter ver ton den len mar sel bor gan tol ris
""".split()  # noqa: SIM905 - a list of so many words reads better as a text
COMMON = ["the", "of", "and", "to", "in", "is", "for", "with", "that", "by", "on", "as"]
FACES = (
    ("Helvetica", "Helvetica-Bold"),
    ("Times-Roman", "Times-Bold"),
)
WIDEST_SPACE = 0.8
"""In sizes; lines that would need wider ones are not justified."""
BROKEN = "\N{SOFT HYPHEN}"
"""Begins what is left of a word that was broken at the end of a line."""
DRAWN = ("as read", "blocks shuffled", "line by line across columns", "lines shuffled")


@dataclass(frozen=True)
class Block:
    """What is known of a block: kind is paragraph, heading, list_item, caption, footnote, header,
    footer, page_number or table (whose text is that of its rows)."""

    kind: str
    text: str
    page: int
    level: int | None = None
    rows: Sequence[Sequence[str]] = ()
    starts: Sequence[str] = ()
    """The first word of each line that occurs only once in the document."""


@dataclass
class Document:
    data: bytes
    blocks: list[Block]
    drawn: str
    columns: int
    pictures: int


@dataclass(frozen=True)
class _Word:
    """A word where it is to be drawn."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    block: int
    turn: int = 0


@dataclass(frozen=True)
class _Look:
    """How a document is set."""

    width: float
    height: float
    margin: float
    columns: int
    gutter: float
    face: tuple[str, str]
    size: float
    leading: float
    justified: bool
    indent: float
    gap: float
    headings: Sequence[tuple[float, bool]]
    header: str
    footer: bool
    numbers: str
    drawn: str
    hyphenates: bool

    @classmethod
    def of(cls, chance: random.Random) -> "_Look":
        width, height = chance.choice([(595.0, 842.0), (612.0, 792.0)])
        size = chance.choice([8.5, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5])
        columns = chance.choice([1, 2, 2, 2, 3])
        larger = chance.random() < 0.6
        indented = chance.random() < 0.5
        first, second = (
            (chance.uniform(1.5, 2.0), chance.uniform(1.2, 1.35)) if larger else (1.3, 1.0)
        )
        return cls(
            width,
            height,
            chance.uniform(42, 76),
            columns,
            chance.uniform(1.3, 2.6) * size,
            chance.choice(FACES),
            size,
            chance.uniform(1.15, 1.42) * size,
            chance.random() < 0.5,
            1.2 * size if indented else 0.0,
            0.0 if indented else chance.uniform(0.45, 0.8) * size,
            [(2.0 * size, True), (first * size, True), (second * size, True)],
            chance.choice(["", "same", "alternating"]),
            chance.random() < 0.4,
            chance.choice(["", "{}", "Page {}", "- {} -", "{} / 9"]),
            chance.choice(DRAWN),
            chance.random() < 0.5,
        )

    @property
    def column_width(self) -> float:
        free = self.width - 2 * self.margin - (self.columns - 1) * self.gutter
        return free / self.columns


class _Fonts:
    """Widths of letters, from the fonts that every PDF reader has."""

    def __init__(self, document: Any) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._fonts = {
            name: pdfium.FPDFText_LoadStandardFont(document, name.encode())
            for face in FACES
            for name in face
        }
        self._widths: dict[tuple[str, str], float] = {}

    def width(self, text: str, name: str, size: float) -> float:
        return size * sum(self._letter(letter, name) for letter in text)

    def _letter(self, letter: str, name: str) -> float:
        if (name, letter) not in self._widths:
            width = ctypes.c_float()
            font = self._fonts[name]
            self._pdfium.FPDFFont_GetGlyphWidth(font, ord(letter), 1000.0, ctypes.byref(width))
            self._widths[name, letter] = width.value / 1000
        return self._widths[name, letter]


class _Words:
    """Words that occur once in a document, among a few that occur everywhere."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._used: set[str] = set()

    def new(self) -> str:
        while True:
            word = "".join(self._chance.choices(SYLLABLES, k=self._chance.randint(2, 4)))
            if word not in self._used:
                self._used.add(word)
                return word

    def phrase(self, count: int) -> str:
        return " ".join(self.new() for _ in range(count)).capitalize()

    def sentence(self) -> str:
        words = [
            self._chance.choice(COMMON) if self._chance.random() < 0.3 else self.new()
            for _ in range(self._chance.randint(6, 18))
        ]
        return " ".join([self.new(), *words]).capitalize() + "."

    def paragraph(self, most: int = 5) -> str:
        return " ".join(self.sentence() for _ in range(self._chance.randint(1, most)))

    def value(self) -> str:
        if self._chance.random() < 0.5:
            return str(self._chance.randint(1, 99_999))
        return self.new()


@dataclass
class _Column:
    """Where the next line of a column goes."""

    left: float
    width: float
    y: float
    bottom: float
    notes: list[str] = field(default_factory=list)

    @property
    def left_over(self) -> float:
        return self.y - self.bottom


def document(seed: int) -> Document:
    """Return the document of a seed, always the same."""
    import pypdfium2

    chance = random.Random(seed)
    look = _Look.of(chance)
    with closing(pypdfium2.PdfDocument.new()) as made:
        setter = _Setter(made, look, chance)
        for number in range(1, chance.randint(2, 4) + 1):
            setter.page(number)
        buffer = io.BytesIO()
        made.save(buffer)
    return Document(buffer.getvalue(), setter.blocks, look.drawn, look.columns, setter.pictures)


def _starts(lines: Sequence[Sequence[str]]) -> list[str]:
    unique = (
        [word for word in line if _is_unique(word) and word[-1] != "-" and BROKEN not in word]
        for line in lines
    )
    return [words[0] for words in unique if words]


def _is_unique(word: str) -> bool:
    bare = word.rstrip(".").lower()
    return bare not in (*COMMON, "figure") and len(bare) > 3


class _Setter:
    def __init__(self, made: Any, look: _Look, chance: random.Random) -> None:
        self._made, self._look, self._chance = made, look, chance
        self._fonts, self._words = _Fonts(made), _Words(chance)
        self._heads = [self._words.phrase(3), self._words.phrase(4)]
        self._foot = self._words.phrase(4)
        self.blocks: list[Block] = []
        self.pictures = 0
        self._drawn: list[_Word] = []
        self._boxes: list[tuple[float, float, float, float]] = []
        self._page = 0

    def page(self, number: int) -> None:
        look = self._look
        self._page, self._drawn, self._boxes = number, [], []
        page = self._made.new_page(look.width, look.height)
        self._header(number)
        top = look.height - look.margin
        bottom = look.margin
        if number == 1:
            top = self._headline(top)
        elif look.columns > 1 and self._chance.random() < 0.3:
            top = self._across(top)
        split = None
        if look.columns > 1 and self._chance.random() < 0.25:
            split = (top + bottom) / 2
        notes: list[tuple[str, _Column]] = []
        if split is not None:
            self._columns(top, split + 10, [])
            below = self._across(split)
            self._columns(below, bottom, notes)
        else:
            self._columns(top, bottom, notes)
        for text, column in notes:
            self._note(text, column)
        self._footer(number)
        self._draw(page)
        page.close()

    # --- what there is on a page ------------------------------------------------------------------

    def _header(self, number: int) -> None:
        look = self._look
        if not look.header:
            return
        text = self._heads[number % 2 if look.header == "alternating" else 0]
        # heads that alternate come again only in longer documents: every page but the first has one
        if look.header == "alternating":
            text = self._heads[0]
            x = look.margin if number % 2 else look.width - look.margin - self._width(text, 8.0)
        else:
            x = look.margin
        self._known("header", text)
        self._line(text.split(), x, look.height - look.margin * 0.6, 8.0, False)

    def _footer(self, number: int) -> None:
        look = self._look
        y = look.margin * 0.5
        if look.footer:
            self._known("footer", self._foot)
            self._line(self._foot.split(), look.margin, y, 8.0, False)
        if look.numbers:
            text = look.numbers.format(number)
            x = look.width - look.margin - self._width(text, 8.5)
            if not look.footer:
                x = (look.width - self._width(text, 8.5)) / 2
            self._known("page_number", text)
            self._line(text.split(), x, y, 8.5, False)

    def _headline(self, y: float) -> float:
        look = self._look
        whole = _Column(look.margin, look.width - 2 * look.margin, y - 2 * look.size, 0)
        self._heading(whole, 0, self._chance.randint(3, 9))
        if self._chance.random() < 0.6:
            self._paragraph(whole, self._words.paragraph(3))
        return whole.y - look.leading

    def _across(self, y: float) -> float:
        """Set something over all columns; return where the columns go on."""
        look = self._look
        whole = _Column(look.margin, look.width - 2 * look.margin, y - look.size, 0)
        kind = self._chance.choice(["heading", "table", "figure"])
        if kind == "heading":
            self._heading(whole, 1, self._chance.randint(3, 8))
        elif kind == "table":
            self._table(whole, self._chance.randint(3, 5))
        else:
            self._figure(whole, 110)
        return whole.y - look.leading

    def _columns(self, top: float, bottom: float, notes: list[tuple[str, _Column]]) -> None:
        look = self._look
        for number in range(look.columns):
            left = look.margin + number * (look.column_width + look.gutter)
            column = _Column(left, look.column_width, top - look.size, bottom)
            if bottom == look.margin and self._chance.random() < 0.3:
                column.bottom += 4 * 8.0 + 6
                notes.append((f"{len(notes) + 1} {self._words.sentence()}", column))
            self._fill(column)

    def _fill(self, column: _Column) -> None:
        look = self._look
        while column.left_over > 7 * look.leading:
            kind = self._chance.choices(
                ["paragraph", "heading", "list", "table", "figure"], [10, 3, 1.5, 1, 1]
            )[0]
            if kind == "heading":
                self._heading(column, self._chance.choice([1, 2, 2]), self._chance.randint(1, 5))
                kind = "paragraph"
            if kind == "list":
                self._list(column)
            elif kind == "table" and look.column_width > 190:
                self._table(column, self._chance.randint(2, 4))
            elif kind == "figure" and column.left_over > 110 + 5 * look.leading:
                self._figure(column, 90)
            else:
                self._paragraph(column, self._words.paragraph())

    def _heading(self, column: _Column, rank: int, words: int) -> None:
        size, bold = self._look.headings[rank]
        column.y -= 0.9 * size
        text = self._words.phrase(words)
        if rank and self._chance.random() < 0.3:
            text = f"{self._chance.randint(1, 9)}.{self._chance.randint(1, 9)} {text}"
        used = self._flow(column, "heading", text, size, 1.2 * size, bold, level=rank + 1)
        column.y -= 0.4 * self._look.size if used else 0

    def _paragraph(self, column: _Column, text: str) -> None:
        look = self._look
        self._flow(column, "paragraph", text, look.size, look.leading, False, indent=look.indent)
        column.y -= look.gap

    def _list(self, column: _Column) -> None:
        look = self._look
        ordered = self._chance.random() < 0.4
        column.y -= 0.4 * look.size
        for number in range(1, self._chance.randint(2, 5) + 1):
            if column.left_over < 3 * look.leading:
                return
            mark = f"{number}." if ordered else "•"
            inner = _Column(
                column.left + 1.6 * look.size,
                column.width - 1.6 * look.size,
                column.y,
                column.bottom,
            )
            words = self._chance.randint(2, 14)
            text = self._words.phrase(words)
            self._known("list_item", f"{mark} {text}")
            self._put(mark, column.left + 0.2 * look.size, column.y, look.size, False)
            self._lines(inner, text, look.size, look.leading, False, 0.0, known=True)
            column.y = inner.y
        column.y -= 0.4 * look.size

    def _table(self, column: _Column, columns: int) -> None:
        look = self._look
        count = self._chance.randint(3, 7)
        if column.left_over < (count + 1) * look.leading * 1.3 and column.bottom:
            self._paragraph(column, self._words.paragraph())
            return
        step = column.width / columns
        rows = [[self._fitting(step, head=True) for _ in range(columns)]]
        rows += [[self._fitting(step) for _ in range(columns)] for _ in range(count)]
        column.y -= 0.8 * look.size
        self.blocks.append(Block("table", "\n".join(map(" ".join, rows)), self._page, rows=rows))
        for number, row in enumerate(rows):
            for at, value in enumerate(row):
                self._put(value, column.left + at * step, column.y, look.size * 0.95, number == 0)
            column.y -= look.leading * 1.15
        column.y -= 0.8 * look.size

    def _fitting(self, room: float, *, head: bool = False) -> str:
        """Return a value that leaves some room to the next column."""
        size = self._look.size
        while True:
            value = self._words.new().capitalize() if head else self._words.value()
            if self._width(value, size, head) < room - 1.2 * size:
                return value

    def _figure(self, column: _Column, height: float) -> None:
        look = self._look
        self._boxes.append((column.left, column.y - height, column.width * 0.9, height))
        self.pictures += 1
        column.y -= height + 1.3 * look.size
        number = self.pictures
        text = f"Figure {number}. {self._words.phrase(self._chance.randint(3, 12))}"
        self._flow(column, "caption", text, look.size * 0.9, look.leading * 0.92, False)
        column.y -= 1.2 * look.size

    def _note(self, text: str, column: _Column) -> None:
        place = _Column(column.left, column.width, self._look.margin + 3.4 * 8.0, 0)
        self._flow(place, "footnote", text, 7.0, 8.4, False, most=4)

    # --- setting ----------------------------------------------------------------------------------

    def _known(self, kind: str, text: str, level: int | None = None) -> None:
        self.blocks.append(Block(kind, text, self._page, level))

    def _flow(
        self,
        column: _Column,
        kind: str,
        text: str,
        size: float,
        leading: float,
        bold: bool,
        *,
        level: int | None = None,
        indent: float = 0.0,
        most: int = 99,
    ) -> int:
        self._known(kind, text, level)
        self._lines(column, text, size, leading, bold, indent, most=most)
        return 1

    def _lines(
        self,
        column: _Column,
        text: str,
        size: float,
        leading: float,
        bold: bool,
        indent: float,
        *,
        known: bool = False,
        most: int = 99,
    ) -> None:
        """Set a text as far as there is room; what is known of it is cut to that."""
        look, set_words, count = self._look, [], 0
        waiting = text.split()
        while waiting and count < most and (column.left_over >= 0 or not column.bottom):
            room = column.width - (indent if count == 0 else 0.0)
            taken, waiting = self._taken(waiting, room, size, bold)
            left = column.left + (indent if count == 0 else 0.0)
            justified = look.justified and bool(waiting) and size == look.size
            drawn = [word.removeprefix(BROKEN) for word in taken]
            self._line(drawn, left, column.y, size, bold, room if justified else None)
            set_words.append(taken)
            column.y -= leading
            count += 1
        last = self.blocks.pop()
        if not set_words:
            return
        done = last.text
        if waiting:
            done = " ".join(word for line in set_words for word in line)
            done = done.replace(f"- {BROKEN}", "")
            done = f"{last.text.split()[0]} {done}" if known else done
        self.blocks.append(Block(last.kind, done, last.page, last.level, (), _starts(set_words)))

    def _taken(
        self, words: list[str], room: float, size: float, bold: bool
    ) -> tuple[list[str], list[str]]:
        taken = [words[0]]
        for word in words[1:]:
            if self._width(" ".join([*taken, word]), size, bold) > room:
                break
            taken.append(word)
        rest = words[len(taken) :]
        if rest and self._look.hyphenates:
            return self._broken(taken, rest, room, size, bold)
        return taken, rest

    def _broken(
        self, taken: list[str], rest: list[str], room: float, size: float, bold: bool
    ) -> tuple[list[str], list[str]]:
        """Return the words with the next one broken, if a part of it still fits."""
        word = rest[0]
        for cut in range(len(word) - 3, 2, -1):
            part = f"{word[:cut]}-"
            if word.isalpha() and self._width(" ".join([*taken, part]), size, bold) <= room:
                return [*taken, part], [BROKEN + word[cut:], *rest[1:]]
        return taken, rest

    def _line(
        self,
        words: Sequence[str],
        x: float,
        y: float,
        size: float,
        bold: bool,
        room: float | None = None,
    ) -> None:
        space = self._width(" ", size, bold)
        natural = sum(self._width(word, size, bold) for word in words)
        wide = (room - natural) / (len(words) - 1) if room is not None and len(words) > 1 else 0.0
        if 0 < wide < WIDEST_SPACE * size:
            space = wide
            for word in words:
                self._put(word, x, y, size, bold)
                x += self._width(word, size, bold) + space
        else:
            self._put(" ".join(words), x, y, size, bold)

    def _put(self, text: str, x: float, y: float, size: float, bold: bool) -> None:
        self._drawn.append(_Word(text, x, y, size, bold, len(self.blocks)))

    def _width(self, text: str, size: float, bold: bool = False) -> float:
        return self._fonts.width(text, self._look.face[bold], size)

    # --- drawing ----------------------------------------------------------------------------------

    def _draw(self, page: Any) -> None:
        import pypdfium2.raw as pdfium

        for word in self._in_order():
            name = self._look.face[word.bold].encode()
            item = pdfium.FPDFPageObj_NewTextObj(self._made, name, word.size)
            data = word.text.encode("utf-16-le") + b"\0\0"
            text = ctypes.cast(ctypes.create_string_buffer(data), ctypes.POINTER(ctypes.c_ushort))
            pdfium.FPDFText_SetText(item, text)
            pdfium.FPDFPageObj_Transform(item, 1, 0, 0, 1, word.x, word.y)
            pdfium.FPDFPage_InsertObject(page, item)
        for x, y, width, height in self._boxes:
            self._image(page, x, y, width, height)
        page.gen_content()

    def _in_order(self) -> Iterator[_Word]:
        words = list(self._drawn)
        match self._look.drawn:
            case "blocks shuffled":
                blocks = sorted({word.block for word in words})
                self._chance.shuffle(blocks)
                rank = {block: at for at, block in enumerate(blocks)}
                words.sort(key=lambda word: rank[word.block])
            case "line by line across columns":
                words.sort(key=lambda word: (-round(word.y), word.x))
            case "lines shuffled":
                lines = sorted({(word.block, word.y) for word in words})
                self._chance.shuffle(lines)
                place = {line: at for at, line in enumerate(lines)}
                words.sort(key=lambda word: (place[word.block, word.y], word.x))
        yield from words

    def _image(self, page: Any, x: float, y: float, width: float, height: float) -> None:
        import pypdfium2
        from PIL import Image

        noise = Image.effect_noise((160, 100), 80).convert("RGB")
        image = pypdfium2.PdfImage.new(self._made)
        image.set_bitmap(pypdfium2.PdfBitmap.from_pil(noise))
        image.set_matrix(pypdfium2.PdfMatrix(width, 0, 0, height, x, y))
        page.insert_obj(image)
