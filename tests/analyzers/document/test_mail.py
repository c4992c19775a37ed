"""E-mail: headers, text, quotations, signature and what is attached."""

import io

import pytest

from analyzers.document.mail import DEEPEST
from analyzers.document.segmenter import DocumentSegmenter
from tests.analyzers.files import bodies, extracted, failure
from tests.analyzers.papers import eml
from tests.analyzers.places import roles, text_matches

MAIL = "message/rfc822"


def test_a_message_and_what_is_attached(documents: DocumentSegmenter) -> None:
    segments, artifacts = extracted(documents, eml())
    assert [(s.type, *roles(s), *bodies([s])) for s in segments] == [
        ("heading", "Grüße vom Kai"),
        ("paragraph", "metadata", "From: Ann Müller <ann@example.org>"),
        ("paragraph", "metadata", "To: bo@example.org"),
        ("paragraph", "metadata", "Date: Mon, 05 Feb 2024 10:00:00 +0100"),
        ("paragraph", "The crane is back."),
        ("paragraph", "quoted", "On Sunday Bo wrote: Where is it?"),
        ("paragraph", "signature", "-- Ann, quay seven"),
        ("image", "sign.png"),
        ("paragraph", "metadata", "Attachment: plan.pdf"),
        ("heading", "Older one"),
        ("paragraph", "metadata", "From: carl@example.org"),
        ("paragraph", "It was windy."),
    ]
    assert segments[0].features["semantic"]["mail"]["to"] == "bo@example.org"
    assert text_matches(segments, artifacts)
    assert documents.get_metadata(io.BytesIO(eml()))["title"] == "Grüße vom Kai"


def test_reads_html_where_there_is_no_plain_text(documents: DocumentSegmenter) -> None:
    data = (
        b"From: a@example.org\r\nSubject: News\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=windows-1251\r\n\r\n<ul><li>"
        + "Новости".encode("cp1251")
        + b"</ul>"
    )
    segments, _ = extracted(documents, data, mime_type=MAIL)
    assert (segments[-1].type, bodies(segments)[-1]) == ("list_item", "Новости")


def test_an_encrypted_message_says_so(documents: DocumentSegmenter) -> None:
    data = (
        b"From: a@example.org\nTo: b@example.org\nSubject: s\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/encrypted; protocol="x"; boundary="b"\n\n--b\n\nx\n--b--\n'
    )
    assert failure(documents, data) == ("encrypted_document", None)


def nested(levels: int) -> bytes:
    data = b"Subject: core\n\nwords\n"
    for _ in range(levels):
        data = b"From: a\nContent-Type: message/rfc822\n\n" + data
    return data


def test_messages_in_messages_are_bounded(documents: DocumentSegmenter) -> None:
    assert "words" in bodies(extracted(documents, nested(DEEPEST), mime_type=MAIL)[0])
    for levels in (DEEPEST + 1, 3_000):
        reason = failure(documents, nested(levels), mime_type=MAIL)
        assert reason == ("decode_limit_exceeded", "depth")


@pytest.mark.parametrize(
    "header",
    [
        b"From: " + b"(" * 50_000,
        b"To: " + b"a," * 20_000,
        b"Subject: =?utf-8?q?" + b"=C3" * 1_000 + b"?=",
        b"Content-Type: text/plain; charset=no-such",
        b"Content-Type: multipart/mixed",
        b"Date: 99999999999999999999",
    ],
)
def test_broken_headers_leave_the_text(documents: DocumentSegmenter, header: bytes) -> None:
    data = header + b"\nX-Other: 1\n\nstill here\n"
    assert "still here" in bodies(extracted(documents, data, mime_type=MAIL)[0])
