"""The lines of a page as blocks in reading order; what is no running text is told apart."""

from collections.abc import Iterator, Mapping, Sequence

from analyzers.document.blocks import Block, Role
from analyzers.document.columns import reading_order
from analyzers.document.grids import Grid
from analyzers.document.lines import Line, union
from analyzers.document.paragraphs import Placed, Style, paragraphs
from analyzers.document.tables import text_of


def laid_out(lines: Sequence[Line], style: Style, edges: Mapping[int, Role]) -> Iterator[Placed]:
    """Yield the headers of a page, its text in reading order, its footnotes and footers.

    `edges` says by index which lines are no part of the text (analyzers/document/running).
    """
    outside = [(index, role) for index, role in sorted(edges.items())]
    middle = [line for index, line in enumerate(lines) if index not in edges]
    top = max((line.baseline for line in middle), default=0.0)
    above = [(i, role) for i, role in outside if lines[i].baseline > top]
    below = [(i, role) for i, role in outside if lines[i].baseline <= top]
    yield from (_edge(lines[index], role) for index, role in above)
    notes: list[Placed] = []
    for region in reading_order(middle):
        for placed in _of_region(region, style):
            if placed.block.role == "footnote":
                notes.append(placed)
            else:
                yield placed
    yield from notes
    yield from (_edge(lines[index], role) for index, role in below)


def _edge(line: Line, role: Role) -> Placed:
    return Placed(Block("paragraph", line.text, role=role), line.box)


def _of_region(region: list[Line] | Grid, style: Style) -> Sequence[Placed]:
    if isinstance(region, Grid):
        block = Block("table", text_of(region.rows))
        return [Placed(block, union(region.boxes), region)]
    return paragraphs(region, style)
