"""ODT, EPUB, RTF and reStructuredText: what is read of them, and what is refused."""

import io

import pytest

from analyzers.document.segmenter import DocumentSegmenter
from tests.analyzers.files import bodies, extracted, failure, rezipped
from tests.analyzers.papers import PAGE, RST, RTF, epub, odt
from tests.analyzers.places import roles, text_matches

LAUGHS = """<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>"""


def test_odt_in_its_order(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, odt())
    assert [(s.type, *roles(s)) for s in segments] == [
        ("paragraph", "header"),
        ("heading",),
        ("paragraph",),
        ("list_item",),
        ("list_item",),
        ("table",),
        ("image",),
        ("paragraph", "footnote"),
        ("paragraph", "footer"),
    ]
    assert bodies(segments)[1:6] == [
        "Harbour report",
        "The crane works every day.",
        "oil it",
        "with care",
        "name: Aurora\nname: Bella; load: grain",
    ]
    assert bodies(segments)[-2:] == ["1 Built in 1931.", "Confidential"]
    assert segments[1].features["semantic"]["heading"] == {"level": 2}
    assert segments[2].features["semantic"]["links"] == {"targets": ["https://example.org/crane"]}
    assert segments[3].features["semantic"]["list"] == {"level": 1, "ordered": True}
    assert segments[4].features["semantic"]["list"] == {"level": 2, "ordered": True}
    assert {a.kind for a in artifacts} == {"keyframe", "thumbnail", "text"}
    assert text_matches(segments, artifacts)


def test_epub_reads_its_spine_and_shows_its_pictures(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, epub())
    assert [(s.type, bodies([s])) for s in segments] == [
        ("heading", ["Ebb"]),
        ("paragraph", ["The water goes."]),
        ("heading", ["Flow"]),
        ("image", ["A sign"]),
    ]
    assert text_matches(segments, artifacts)
    facts = documents.get_metadata(io.BytesIO(epub()))
    assert (facts["title"], facts["chapters"]) == ("Tides", 2)


def test_rtf_keeps_its_letters_and_rows(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, RTF)
    assert [(s.type, s.texts[0].body) for s in segments] == [
        ("paragraph", "Bericht"),
        ("paragraph", "Schöne Grüße aus dem Hafen."),
        ("table", "name: Aurora; load: coal\nname: Bella; load: grain"),
    ]
    assert text_matches(segments, artifacts)


def test_rst_reads_structure_and_includes_nothing(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, RST, mime_type="text/x-rst")
    assert [(s.type, *roles(s), s.texts[0].body) for s in segments] == [
        ("heading", "Report"),
        ("paragraph", "The crane works every day 1."),
        ("heading", "Parts"),
        ("list_item", "jib"),
        ("list_item", "of steel"),
        ("paragraph", "footnote", "1 Built in 1931."),
        ("paragraph", "caption", "Ships"),
        ("table", "name: Aurora; load: coal\nname: Bella; load: grain"),
        ("paragraph", 'print("up")'),
    ]
    assert segments[1].features["semantic"]["links"]["targets"] == ["https://example.org/crane"]
    assert segments[-1].features["semantic"]["code"] == {"language": "python"}
    assert text_matches(segments, artifacts)


# --- traps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (odt(**{"content.xml": LAUGHS + "<l>&b;</l>"}), "active_content"),
        (epub(**{"OPS/text/two.xhtml": LAUGHS + "<html><p>&b;</p></html>"}), "active_content"),
        (odt(**{"../../evil": "x"}), "corrupt_media"),
        (odt(**{"content.xml": "<a>" * 300}), "corrupt_media"),
        (
            odt(**{"META-INF/manifest.xml": '<m xmlns:n="urn:oasis:names:tc:opendocument:xmlns:'
                   'manifest:1.0"><n:encryption-data/></m>'}),
            "encrypted_document",
        ),
        (
            epub(**{"META-INF/encryption.xml": '<e xmlns="http://www.w3.org/2001/04/xmlenc#">'
                    '<EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>'
                    "</e>"}),
            "encrypted_document",
        ),
        (epub(**{"META-INF/container.xml": "<container/>"}), "corrupt_media"),
        (rezipped(odt(), {"content.xml": b" " * 30_000_000}), "decode_limit_exceeded"),
        (odt(body=""), "none"),
        (b"{\\rtf1" + b"{" * 100_000, "empty_media"),
        (b"{\\rtf1\\ansicpg99999 words}", "none"),
    ],
)  # fmt: skip
def test_hostile_ones_end_with_a_reason(
    documents: DocumentSegmenter, data: bytes, reason: str
) -> None:
    if reason == "none":
        assert bodies(extracted(documents, data)[0])
    else:
        assert failure(documents, data)[0] == reason


def test_deep_rst_is_refused(documents: DocumentSegmenter) -> None:
    deep = "".join(f"{'  ' * depth}- x\n\n" for depth in range(400)).encode()
    assert failure(documents, deep, mime_type="text/x-rst") == ("decode_limit_exceeded", "depth")


def test_a_book_may_name_the_type_of_its_pages(documents: DocumentSegmenter) -> None:
    page = PAGE.format("<p>a &copy; b</p>")
    segments, _ = extracted(documents, epub(**{"OPS/text/two.xhtml": page}))
    assert bodies(segments)[-1] == "a © b"
