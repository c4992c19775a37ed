"""What Office files have beside their main text: headers, notes, lists, links, pictures, tables."""

import io
from typing import Any

import pytest

from analyzers.document.segmenter import DocumentSegmenter
from tests.analyzers.files import bodies, extracted, rezipped
from tests.analyzers.papers import sign
from tests.analyzers.places import roles, text_matches

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def letter() -> bytes:
    import docx
    from docx.oxml import parse_xml

    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Port authority"
    document.sections[0].footer.paragraphs[0].text = "Confidential"
    document.add_paragraph("The crane works.")
    document.add_paragraph("oil it", style="List Number")
    document.add_paragraph("clean it", style="List Bullet")
    linked = document.add_paragraph("See ")
    target = document.part.relate_to(
        "https://example.org/crane",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    r = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    linked._p.append(
        parse_xml(
            f'<w:hyperlink xmlns:w="{W}" xmlns:r="{r}" r:id="{target}">'
            "<w:r><w:t>the manual</w:t></w:r></w:hyperlink>"
        )
    )
    document.add_picture(io.BytesIO(sign()))
    document.add_paragraph("The sign at quay seven", style="Caption")
    return saved(document)


def with_footnote(data: bytes) -> bytes:
    """Add the part that holds footnotes, which the library cannot write."""
    notes = (
        f'<w:footnotes xmlns:w="{W}"><w:footnote w:type="separator"><w:p/></w:footnote>'
        "<w:footnote><w:p><w:r><w:t>Built in 1931.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = "word/_rels/document.xml.rels", "[Content_Types].xml"
        relations, types = (archive.read(name).decode() for name in names)
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    relation = f'<Relationship Id="rIdN" Type="{base}" Target="footnotes.xml"/></Relationships>'
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    override = f'<Override PartName="/word/footnotes.xml" ContentType="{kind}"/></Types>'
    return rezipped(
        data,
        {
            names[0]: relations.replace("</Relationships>", relation).encode(),
            names[1]: types.replace("</Types>", override).encode(),
            "word/footnotes.xml": notes.encode(),
        },
    )


def test_docx_tells_what_is_around_its_text(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, with_footnote(letter()))
    assert [(s.type, *roles(s), *bodies([s])) for s in segments] == [
        ("paragraph", "header", "Port authority"),
        ("paragraph", "The crane works."),
        ("list_item", "oil it"),
        ("list_item", "clean it"),
        ("paragraph", "See the manual"),
        ("image",),
        ("paragraph", "caption", "The sign at quay seven"),
        ("paragraph", "footnote", "Built in 1931."),
        ("paragraph", "footer", "Confidential"),
    ]
    lists = [s.features["semantic"]["list"]["ordered"] for s in segments if s.type == "list_item"]
    assert lists == [True, False]
    assert segments[4].features["semantic"]["links"] == {"targets": ["https://example.org/crane"]}
    assert {a.kind for a in artifacts if a.segment == segments[5].key} == {"keyframe", "thumbnail"}
    assert text_matches(segments, artifacts)


def test_a_broken_picture_leaves_the_document(documents: DocumentSegmenter) -> None:
    broken = rezipped(letter(), {"word/media/image1.png": sign()[:200]})
    segments, _ = extracted(documents, broken)
    (picture,) = (s for s in segments if s.type == "image")
    assert picture.features["technical"]["image"] == {"unread": "corrupt_media"}
    assert "The crane works." in bodies(segments)


def test_pptx_shows_its_pictures_and_tells_edges_apart(documents: DocumentSegmenter) -> None:
    import pptx

    deck = pptx.Presentation()
    width, height = deck.slide_width or 0, deck.slide_height or 0
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Quay"
    slide.shapes.add_picture(io.BytesIO(sign()), width // 2, 0, width // 2)
    box = slide.shapes.add_textbox(0, height // 2, width // 2, 100)
    run = box.text_frame.paragraphs[0].add_run()
    run.text, run.hyperlink.address = "manual", "https://example.org/crane"
    segments, artifacts = extracted(documents, saved(deck))
    assert [s.type for s in segments] == ["slide", "heading", "image", "paragraph"]
    picture, link = segments[2:]
    assert picture.start_marker["xywh"][:3] == [50.0, 0.0, 50.0]
    assert {a.kind for a in artifacts if a.segment == picture.key} == {"keyframe", "thumbnail"}
    assert link.features["semantic"]["links"] == {"targets": ["https://example.org/crane"]}


def test_xlsx_tells_the_tables_of_a_sheet_apart(documents: DocumentSegmenter) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    rows: list[list[object]] = [
        ["Ships"],
        ["name", "tons", None, "crane", "since"],
        ["Aurora", 120, None, "north", 1931],
        ["Bella", 80, None, "south", 1950],
        [],
        ["Carla", 70, None, "west", 1961],
        [],
        ["month", "rain"],
        ["May", 40],
    ]
    for row in rows:
        book.active.append(row)
    segments, _ = extracted(documents, saved(book))
    assert [(s.start_marker.get("row"), *bodies([s])) for s in segments] == [
        (None, "Sheet"),
        ([1, 1], "Ships"),
        ([3, 6], "name: Aurora; tons: 120\nname: Bella; tons: 80\nname: Carla; tons: 70"),
        ([3, 6], "crane: north; since: 1931\ncrane: south; since: 1950\ncrane: west; since: 1961"),
        ([9, 9], "month: May; rain: 40"),
    ]
    assert segments[0].features["technical"]["sheet"]["columns"] == ["name", "tons"]


@pytest.mark.parametrize("shift", [0, 2])
def test_a_table_may_begin_in_any_column(documents: DocumentSegmenter, shift: int) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["name", "tons"], ["Aurora", 120]):
        book.active.append([None] * shift + row)
    segments, _ = extracted(documents, saved(book))
    assert bodies(segments, "table") == ["name: Aurora; tons: 120"]
