"""PDF: pages, paragraphs and headings with their boxes, and what is refused."""

import io
import time
from contextlib import closing

import pytest
from PIL import Image

from analyzers.api import Range
from analyzers.document.segmenter import DocumentSegmenter
from tests.analyzers.files import bodies, encoded, extracted, failure, lettered, pdf

BODY = [
    (72, 700, 11, "The harbour crane was repaired in spring and has lifted"),
    (72, 686, 11, "containers every day since then, even in the heavy rain-"),
    (72, 672, 11, "storms of April."),
]
SECOND = [
    (72, 640, 11, "A second paragraph starts after a wider gap and is about"),
    (72, 626, 11, "something else."),
]
PAGE = [(72, 760, 22, "Harbour report"), *BODY, *SECOND]


def test_groups_lines_into_paragraphs_under_headings(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, pdf([PAGE]))
    assert [s.type for s in segments] == ["page", "heading", "paragraph", "paragraph"]
    assert bodies(segments) == [
        "Harbour report",
        "The harbour crane was repaired in spring and has lifted containers every day since then, "
        "even in the heavy rainstorms of April.",
        "A second paragraph starts after a wider gap and is about something else.",
    ]
    page, heading, *_ = segments
    assert page.start_marker == {"page": 1}
    assert page.features["technical"]["page"]["text_layer"] is True
    assert heading.features["semantic"]["heading"] == {"level": 1}
    assert {s.parent for s in segments[1:]} == {page.key}
    assert {s.texts[0].language for s in segments[1:]} == {"en"}


def test_boxes_lie_where_the_text_is(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, pdf([PAGE]))
    left, top, width, height = segments[2].start_marker["xywh"]
    assert left == pytest.approx(100 * 72 / 595, abs=1)
    assert top == pytest.approx(100 * (842 - 711) / 842, abs=1.5)
    assert top + height == pytest.approx(100 * (842 - 669) / 842, abs=1.5)
    assert 40 < width < 55


def test_boxes_follow_the_rotation_of_the_page(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, pdf([[(72, 780, 12, "Upper left")]], rotate=90))
    left, top, width, height = segments[1].start_marker["xywh"]
    assert left > 85  # a page turned clockwise has its upper left corner on the right
    assert top < 15
    assert height > width
    keyframe = next(a for a in artifacts if a.kind == "keyframe")
    assert keyframe.metadata["width"] > keyframe.metadata["height"]


def test_draws_each_page(documents: DocumentSegmenter) -> None:
    _, artifacts = extracted(documents, pdf([PAGE, PAGE]))
    made = [(a.kind, a.segment) for a in artifacts]
    assert made == [(k, f"page-{n}") for n in (1, 2) for k in ("keyframe", "thumbnail")]
    image = Image.open(io.BytesIO(artifacts[0].data)).convert("L")
    assert max(image.size) == 1000
    assert image.getpixel((5, 5)) == 255
    assert image.histogram()[0:60] != [0] * 60


def test_a_page_that_is_a_picture_is_kept_to_be_read(documents: DocumentSegmenter) -> None:
    scan = lettered((1240, 1754), [(100, 100, 60, "Scanned page")])
    segments, artifacts = extracted(documents, encoded(scan, "PDF", resolution=150))
    assert [s.type for s in segments] == ["page"]
    assert segments[0].features["technical"]["page"]["text_layer"] is False
    sizes = {a.kind: max(Image.open(io.BytesIO(a.data)).size) for a in artifacts}
    assert sizes == {"scan": 1800, "keyframe": 1000, "thumbnail": 320}


def test_is_cut_into_ranges_of_pages(documents: DocumentSegmenter) -> None:
    data = pdf([[(72, 700, 12, f"Page number {n}")] for n in range(1, 61)])
    ranges = documents.plan_pieces(io.BytesIO(data), {})
    assert [(r.unit, r.start, r.end) for r in ranges] == [
        ("pages", 1, 26),
        ("pages", 26, 51),
        ("pages", 51, 61),
    ]
    segments, _ = extracted(documents, data, piece=Range("pages", 51, 53))
    assert bodies(segments) == ["Page number 51", "Page number 52"]
    assert [s.key for s in segments if s.type == "page"] == ["page-51", "page-52"]
    assert documents.get_metadata(io.BytesIO(data))["pages"] == 60


def test_needs_no_password_it_does_not_have(documents: DocumentSegmenter) -> None:
    assert failure(documents, pdf([PAGE], password="secret")) == ("encrypted_document", None)


def test_scripts_are_counted_and_never_run(documents: DocumentSegmenter) -> None:
    script = "/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(while\\(1\\){})>>]>>>>"
    data = pdf([PAGE], catalog=script)
    assert documents.get_metadata(io.BytesIO(data))["scripts"] == 1
    assert len(bodies(extracted(documents, data)[0])) == 3


@pytest.mark.parametrize(
    ("limits", "name"),
    [({"pages": 1}, "pages"), ({"segments": 3}, "segments"), ({"text_bytes": 50}, "text_bytes")],
)
def test_holds_its_limits(documents: DocumentSegmenter, limits: dict[str, int], name: str) -> None:
    assert failure(documents, pdf([PAGE, PAGE]), limits=limits) == ("decode_limit_exceeded", name)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n",
        pdf([PAGE])[:300],
        b"%PDF-1.4\n" + bytes(range(256)) * 20,
        pdf([PAGE], kids="2 0 R 2 0 R"),
    ],
)
def test_broken_files_are_corrupt(documents: DocumentSegmenter, data: bytes) -> None:
    assert failure(documents, data)[0] == "corrupt_media"


TABLE = [
    (72 + 120 * column, 600 - 16 * row, 11, text)
    for row, values in enumerate(
        [("name", "load", "tons"), ("Aurora", "coal", "120"), ("Bella", "grain", "80")]
    )
    for column, text in enumerate(values)
]


def test_tables_are_read_row_by_row(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, pdf([[*PAGE, *TABLE]]))
    table = segments[-1]
    assert (table.type, bodies([table])) == (
        "table",
        ["name: Aurora; load: coal; tons: 120\nname: Bella; load: grain; tons: 80"],
    )
    assert table.start_marker["row"] == [2, 3]
    _, y, width, _ = table.start_marker["xywh"]
    assert y > 100 * (842 - 600) / 842
    assert width > 40


def test_knows_where_its_links_lead(documents: DocumentSegmenter) -> None:
    link = (
        "<</Type/Annot/Subtype/Link/Rect[72 690 200 712]/A<</S/URI/URI({})>>>>"
        "<</Type/Annot/Subtype/Link/Rect[72 690 200 712]/A<</S/JavaScript/JS(x)>>>>"
    )
    for target, kept in (("https://example.org/a", True), ("javascript:x", False)):
        data = pdf([PAGE], annotations=link.format(target))
        segments, _ = extracted(documents, data)
        links = segments[2].features.get("semantic", {}).get("links")
        assert links == ({"targets": [target]} if kept else None)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_reads_text_that_is_turned(documents: DocumentSegmenter, turn: int) -> None:
    segments, _ = extracted(documents, turned(pdf([PAGE]), turn))
    assert bodies(segments, "paragraph")[1].startswith("A second paragraph starts")
    assert len(bodies(segments)) == 3


def turned(data: bytes, degrees: int) -> bytes:
    """Return the page with everything on it turned counterclockwise about its middle."""
    import pypdfium2

    buffer = io.BytesIO()
    with closing(pypdfium2.PdfDocument(data)) as document:
        page = document[0]
        for item in page.get_objects():
            matrix = item.get_matrix().translate(-421, -421).rotate(degrees, ccw=True)
            item.set_matrix(matrix.translate(421, 421))
        page.set_mediabox(0, 0, 842, 842)
        page.gen_content()
        document.save(buffer)
    return buffer.getvalue()


def test_a_picture_among_text_is_seen_and_can_be_read(documents: DocumentSegmenter) -> None:
    import pypdfium2

    buffer = io.BytesIO()
    sign = lettered((600, 300), [(40, 100, 60, "Quay seven")])
    with closing(pypdfium2.PdfDocument(pdf([PAGE]))) as document:
        image = pypdfium2.PdfImage.new(document)
        image.set_bitmap(pypdfium2.PdfBitmap.from_pil(sign))
        image.set_matrix(pypdfium2.PdfMatrix(300, 0, 0, 150, 72, 400))
        page = document[0]
        page.insert_obj(image)
        page.gen_content()
        document.save(buffer)
    segments, artifacts = extracted(documents, buffer.getvalue())
    picture = segments[-1]
    assert (picture.type, picture.parent) == ("image", "page-1")
    assert picture.start_marker["xywh"] == pytest.approx(
        [100 * 72 / 595, 100 * 292 / 842, 100 * 300 / 595, 100 * 150 / 842], abs=0.5
    )
    (seen,) = (a.data for a in artifacts if (a.kind, a.segment) == ("keyframe", picture.key))
    shown = Image.open(io.BytesIO(seen)).convert("L")
    assert max(shown.size) == pytest.approx(600, abs=2)
    assert shown.crop((40, 90, 500, 200)).histogram()[0:60] != [0] * 60


@pytest.mark.parametrize("columns", [1, 2, 9])
def test_a_page_made_to_be_slow_is_not(documents: DocumentSegmenter, columns: int) -> None:
    rows = 4_500 // columns
    words = [
        (20 + 560 * column / columns, 5 + 830 * row / rows, 2, "a b c")
        for row in range(rows)
        for column in range(columns)
    ]
    start = time.process_time()
    segments, _ = extracted(documents, pdf([words, words]))
    assert len(segments) > 2
    assert time.process_time() - start < 20
