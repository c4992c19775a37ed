"""What is found of typeset pages: reading order, headings, lists, tables, notes, running heads.

Seeds from 0 were looked at while the analysis was written; those from 1000 were not. Peers are
pdfium's own order (that of drawing) and that of pdfminer.six, if it is installed.
"""

import argparse
import io
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from importlib.metadata import version
from itertools import pairwise

from analyzers.api import Segment
from analyzers.document.segmenter import DocumentSegmenter
from analyzers.document.tables import named
from bench.measures import Counts, Subject
from bench.typeset import Document, document

FLOWING = ("heading", "paragraph", "list_item", "caption")
ROLES = ("caption", "footnote", "header", "footer", "page_number")


Scores = dict[str, list[Counts]]
"""For each thing that is looked for, the counts of each document."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--first", type=int, default=1000)
    options.add_argument("--count", type=int, default=60)
    options.add_argument("--verbose", action="store_true", help="name what was missed")
    chosen = options.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.count)
    scores: Scores = defaultdict(list)
    spent: dict[str, float] = defaultdict(float)
    pages = 0
    segmenter = DocumentSegmenter()
    segmenter.load()
    for seed in seeds:
        made = document(seed)
        pages += max(block.page for block in made.blocks)
        start = time.process_time()
        segments = list(_segments(segmenter, made.data))
        spent["dataflux, with its pictures of the pages"] += time.process_time() - start
        _judge(made, segments, scores)
        if chosen.verbose:
            _explain(seed, made, segments)
        for name, read in _peers():
            start = time.process_time()
            words = read(made.data)
            spent[name] += time.process_time() - start
            scores[f"order: {name}"].append(counts(*_orders(made, words)))
    print(f"pypdfium2 {version('pypdfium2')}; seeds {seeds.start}-{seeds.stop - 1}, {pages} pages")
    for name, each in sorted(scores.items()):
        Subject("documents", name).f1(each)
    for name, seconds in spent.items():
        print(f"{name:42} {1000 * seconds / pages:.0f} ms of CPU a page")


def _segments(segmenter: DocumentSegmenter, data: bytes) -> Iterator[Segment]:
    for found in segmenter.extract_segments(io.BytesIO(data), {}):
        if isinstance(found, Segment):
            yield found


def _judge(made: Document, segments: Sequence[Segment], scores: Scores) -> None:
    def score(name: str, wanted: Iterable[object], found: Iterable[object]) -> None:
        scores[name].append(counts(wanted, found))

    flowing = [s for s in segments if (_role(s) or s.type) in FLOWING]
    words = [word for s in flowing for word in _text(s).split()]
    wanted, found = _orders(made, words)
    score("order: dataflux", wanted, found)
    score(f"order: dataflux, {made.columns} columns", wanted, found)
    score(f"order: dataflux, drawn {made.drawn}", wanted, found)
    headings = [(s.start_marker["page"], _text(s), _level(s)) for s in segments if _level(s)]
    known = [(b.page, b.text, b.level) for b in made.blocks if b.kind == "heading"]
    score("heading", [b[:2] for b in known], [s[:2] for s in headings])
    score("heading and its rank", _ranked(known), _ranked(headings))
    for kind in ("list_item", "paragraph"):
        score(
            kind,
            [(b.page, b.text) for b in made.blocks if b.kind == kind],
            [
                (s.start_marker["page"], _text(s))
                for s in segments
                if s.type == kind and _role(s) is None
            ],
        )
    for role in ROLES:
        score(
            role,
            [(b.page, b.text) for b in made.blocks if b.kind == role],
            [(s.start_marker["page"], _text(s)) for s in segments if _role(s) == role],
        )
    score("table rows", _known_rows(made), _rows(segments))
    pictures = sum(s.type == "image" for s in segments)
    score("picture", ["picture"] * made.pictures, ["picture"] * pictures)


def counts(wanted: Iterable[object], found: Iterable[object]) -> Counts:
    """Return how many were found rightly, how many there were, and how many were found."""
    one, other = Counter(wanted), Counter(found)
    return (one & other).total(), one.total(), other.total()


def _ranked(headings: Sequence[tuple[int, str, int | None]]) -> list[tuple[str, int]]:
    """Return headings with the rank of their level among the levels of the document."""
    levels = sorted({level for _, _, level in headings if level})
    return [(text, levels.index(level)) for _, text, level in headings if level]


def _text(segment: Segment) -> str:
    return " ".join(text.body for text in segment.texts)


def _role(segment: Segment) -> str | None:
    role: str | None = segment.features.get("semantic", {}).get("role", {}).get("name")
    return role


def _level(segment: Segment) -> int | None:
    level: int | None = segment.features.get("semantic", {}).get("heading", {}).get("level")
    return level


def _orders(made: Document, words: Iterable[str]) -> tuple[list[object], list[object]]:
    """Return which line follows which, as set and as read; a line is known by its first word."""
    starts = [word for b in made.blocks if b.kind in FLOWING for word in b.starts]
    known = set(starts)
    return list(pairwise(starts)), list(pairwise(word for word in words if word in known))


def _known_rows(made: Document) -> Iterator[str]:
    for block in made.blocks:
        if block.kind == "table":
            yield from (named(row, block.rows[0]) for row in block.rows[1:])


def _rows(segments: Sequence[Segment]) -> Iterator[str]:
    for segment in segments:
        if segment.type == "table":
            yield from _text(segment).split("\n")


def _explain(seed: int, made: Document, segments: Sequence[Segment]) -> None:
    known = Counter((b.page, b.kind, b.text) for b in made.blocks if b.kind != "table") + Counter(
        (0, "row", row) for row in _known_rows(made)
    )
    found = Counter(
        (s.start_marker["page"], _role(s) or s.type, _text(s))
        for s in segments
        if s.type not in ("table", "page", "image")
    ) + Counter((0, "row", row) for row in _rows(segments))
    for item in (known - found).elements():
        print(seed, made.columns, made.drawn, "missed", *item)
    for item in (found - known).elements():
        print(seed, made.columns, made.drawn, "made up", *item)


def _peers() -> Iterator[tuple[str, Callable[[bytes], list[str]]]]:
    yield "pdfium, as drawn", _pdfium
    try:
        name = f"pdfminer.six {version('pdfminer.six')}"
    except ImportError:
        return
    yield name, _pdfminer


def _pdfium(data: bytes) -> list[str]:
    import pypdfium2

    with closing(pypdfium2.PdfDocument(data)) as opened:
        return [word for page in opened for word in page.get_textpage().get_text_range().split()]


def _pdfminer(data: bytes) -> list[str]:
    from pdfminer.high_level import extract_text

    words: list[str] = extract_text(io.BytesIO(data)).split()
    return words


if __name__ == "__main__":
    main()
