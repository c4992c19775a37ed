"""Pages that were typeset here are read back: the order, and what is told apart from the text."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from analyzers.api import Segment
from analyzers.document.segmenter import DocumentSegmenter
from bench.typeset import Document, document
from tests.analyzers.files import extracted, pdf
from tests.analyzers.places import roles

SEEDS = (2_002, 2_004, 2_008)
"""Of two and three columns, drawn in an order that is not that of reading."""
FLOWING = ("heading", "paragraph", "list_item", "caption")


@pytest.fixture(scope="module")
def pages(documents: DocumentSegmenter) -> Sequence[tuple[Document, list[Segment]]]:
    made = [document(seed) for seed in SEEDS]
    return [(one, extracted(documents, one.data)[0]) for one in made]


def share(hits: Counter[object], wanted: Counter[object]) -> float:
    return (hits & wanted).total() / max(1, wanted.total())


def texts(segments: Sequence[Segment], name: str) -> Iterator[str]:
    """Yield the texts of the segments of a role, or of a type if they have none."""
    for segment in segments:
        if (*roles(segment), segment.type)[0] == name:
            yield segment.texts[0].body


def test_lines_follow_each_other_as_they_are_read(
    pages: Sequence[tuple[Document, list[Segment]]],
) -> None:
    wanted: Counter[object] = Counter()
    found: Counter[object] = Counter()
    for made, segments in pages:
        starts = [word for b in made.blocks if b.kind in FLOWING for word in b.starts]
        flowing = [s for s in segments if (*roles(s), s.type)[0] in FLOWING]
        words = [word for s in flowing for word in s.texts[0].body.split()]
        wanted += Counter(pairwise(starts))
        found += Counter(pairwise(word for word in words if word in set(starts)))
    assert share(found, wanted) > 0.95


@pytest.mark.parametrize(
    "kind", ["heading", "list_item", "footnote", "header", "footer", "page_number", "caption"]
)
def test_parts_of_a_page_are_told_apart(
    pages: Sequence[tuple[Document, list[Segment]]], kind: str
) -> None:
    wanted: Counter[object] = Counter()
    found: Counter[object] = Counter()
    for made, segments in pages:
        wanted += Counter(block.text for block in made.blocks if block.kind == kind)
        found += Counter(texts(segments, kind))
    assert wanted
    assert share(found, wanted) > 0.9
    assert share(wanted, found) > 0.9


def test_every_block_has_a_box_on_its_page(
    pages: Sequence[tuple[Document, list[Segment]]],
) -> None:
    for _, segments in pages:
        for segment in segments:
            if segment.type != "page":
                x, y, width, height = segment.start_marker["xywh"]
                assert 0 <= x < x + width <= 100.1
                assert 0 <= y < y + height <= 100.1


def test_pictures_on_a_page_are_segments_with_their_look(documents: DocumentSegmenter) -> None:
    made = next(one for one in map(document, range(2_000, 2_050)) if one.pictures > 1)
    segments, artifacts = extracted(documents, made.data)
    pictures = [segment.key for segment in segments if segment.type == "image"]
    assert len(pictures) == made.pictures
    seen = {artifact.segment for artifact in artifacts if artifact.kind == "keyframe"}
    assert set(pictures) <= seen


def test_levels_of_headings_are_the_same_in_every_piece(documents: DocumentSegmenter) -> None:
    data = pdf(
        [
            [(72, 760, 20, f"Part {n}")] * (n % 5 == 1)
            + [(72, 720, 14, f"Chapter {n}"), (72, 690, 10, "Words of the text, many of them.")]
            for n in range(1, 61)
        ]
    )
    levels = Counter(
        (segment.texts[0].body.split()[0], segment.features["semantic"]["heading"]["level"])
        for piece in documents.plan_pieces(io.BytesIO(data), {})
        for segment in extracted(documents, data, piece=piece)[0]
        if segment.type == "heading"
    )
    assert levels == {("Part", 1): 12, ("Chapter", 2): 60}
