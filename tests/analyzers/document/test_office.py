"""DOCX, PPTX and XLSX: what is read of them, and the traps that archives of XML can hold."""

import io
import zipfile

import pytest

from analyzers.document.segmenter import DocumentSegmenter
from tests.analyzers.files import bodies, docx, extracted, failure, pptx, rezipped, xlsx

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;">]><l>&d;</l>"""
REACHING = b"""<?xml version="1.0"?><!DOCTYPE l SYSTEM "http://127.0.0.1:9/evil.dtd"><l/>"""


def test_docx_keeps_the_order_of_its_body(documents: DocumentSegmenter) -> None:
    segments, (text,) = extracted(documents, docx())
    assert [(s.type, s.texts[0].language) for s in segments] == [
        ("heading", "en"),
        ("paragraph", "en"),
        ("heading", "en"),
        ("table", "en"),
        ("paragraph", "de"),
    ]
    assert bodies(segments, "table") == ["name: Aurora; load: coal\nname: Bella; load: grain"]
    assert [
        s.features["semantic"]["heading"]["level"] for s in segments if s.type == "heading"
    ] == [1, 1]
    whole = text.data.decode()
    assert (text.kind, text.mime_type, text.segment) == ("text", "text/plain", None)
    for segment in segments:
        start, end = segment.start_marker["char"]
        assert whole[start:end] == segment.texts[0].body


def test_docx_reads_insertions_and_links_but_not_deletions(documents: DocumentSegmenter) -> None:
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = (
        "<w:p><w:r><w:t>kept </w:t></w:r><w:ins><w:r><w:t>added </w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>gone </w:delText></w:r></w:del>"
        "<w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>in a form</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    xml = f'<w:document xmlns:w="{w}"><w:body>{body}</w:body></w:document>'
    data = rezipped(docx(), {"word/document.xml": xml.encode()})
    assert bodies(extracted(documents, data)[0]) == ["kept added linked", "in a form"]


def test_pptx_places_shapes_on_slides(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, pptx())
    assert [(s.type, s.start_marker["page"]) for s in segments] == [
        ("slide", 1),
        ("heading", 1),
        ("paragraph", 1),
        ("slide", 2),
        ("heading", 2),
        ("paragraph", 2),
        ("paragraph", 2),
    ]
    assert bodies(segments)[-1] == "Mention the flood of last May"
    assert segments[-1].features["semantic"]["role"] == {"name": "notes"}
    assert {s.parent for s in segments[4:]} == {"slide-2"}
    assert documents.get_metadata(io.BytesIO(pptx()))["pages"] == 2


def test_xlsx_names_each_value_by_its_column(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, xlsx())
    assert artifacts == []
    assert [(s.type, s.start_marker) for s in segments] == [
        ("sheet", {"page": 1}),
        ("table", {"page": 1, "row": [2, 11]}),
        ("table", {"page": 1, "row": [12, 21]}),
        ("table", {"page": 1, "row": [22, 26]}),
        ("sheet", {"page": 2}),
        ("sheet", {"page": 3}),
        ("table", {"page": 3, "row": [7, 7]}),
    ]
    first = segments[1].texts[0].body.split("\n")
    assert first[0] == "name: person0; city: Kassel"
    assert first[3] == "name: person3"  # a formula that was never computed has no value
    assert segments[-1].texts[0].body == "4.5"
    assert segments[0].features["technical"]["sheet"]["columns"] == ["name", "city"]


# --- traps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [LAUGHS, REACHING, LAUGHS.decode().encode("utf-16")])
@pytest.mark.parametrize(
    ("make", "name"),
    [(docx, "word/styles.xml"), (pptx, "ppt/presentation.xml"), (xlsx, "xl/sharedStrings.xml")],
)
def test_refuses_entities(
    documents: DocumentSegmenter, make: object, name: str, part: bytes
) -> None:
    assert callable(make)
    assert failure(documents, rezipped(make(), {name: part})) == ("active_content", None)


def test_refuses_what_unfolds_too_far(documents: DocumentSegmenter) -> None:
    bomb = rezipped(docx(), {"word/document.xml": b" " * 30_000_000})
    assert len(bomb) < 100_000
    assert failure(documents, bomb) == ("decode_limit_exceeded", "ratio")
    limits = {"ratio": 10_000}
    assert failure(documents, bomb, limits={**limits, "text_bytes": 1_000_000}) == (
        "decode_limit_exceeded",
        "text_bytes",
    )
    assert (
        failure(documents, bomb, limits={**limits, "archive_bytes": 1_000_000})[1]
        == "archive_bytes"
    )
    assert failure(documents, docx(), limits={"entries": 3})[1] == "entries"


def test_holds_the_number_of_segments(documents: DocumentSegmenter) -> None:
    for data in (docx(), pptx(), xlsx()):
        assert failure(documents, data, limits={"segments": 2}) == (
            "decode_limit_exceeded",
            "segments",
        )


def test_never_unfolds_more_than_an_entry_claims(documents: DocumentSegmenter) -> None:
    """The directory says 10 bytes, the data unfolds to more: an error, not a surprise."""
    data = bytearray(rezipped(docx(), {"word/document.xml": b"<a>" + b"x" * 5_000 + b"</a>"}))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo("word/document.xml")
        size = entry.file_size.to_bytes(4, "little")
    at = data.rfind(size, 0, data.rfind(b"word/document.xml"))
    data[at : at + 4] = (10).to_bytes(4, "little")
    assert failure(documents, bytes(data))[0] == "corrupt_media"


def test_tells_a_password_from_an_old_format(documents: DocumentSegmenter) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
    locked = ole + "EncryptedPackage".encode("utf-16-le")
    assert failure(documents, locked) == ("encrypted_document", None)
    assert failure(documents, ole) == ("unsupported_media_type", None)


def test_other_archives_are_not_accepted(documents: DocumentSegmenter) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert failure(documents, buffer.getvalue()) == ("archive_not_accepted", None)


@pytest.mark.parametrize("make", [docx, pptx, xlsx])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_half_an_archive_is_corrupt(
    documents: DocumentSegmenter, make: object, keep: float
) -> None:
    assert callable(make)
    data = make()
    assert failure(documents, data[: int(len(data) * keep)])[0] == "corrupt_media"
