"""Every supported type is known by its bytes; what is dangerous or foreign is named."""

import io
import zipfile

import pytest

from analyzers.document.sniff import EPUB, ODT, OFFICE
from analyzers.sniff import kind_of, says_otherwise, sniff
from dataflux.errors import MediaFailed
from schemas.names import Kind, Reason
from tests.analyzers.papers import RTF, eml, epub, odt


def office(part: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "<x/>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"II*\0" + bytes(20), "image/tiff"),
        (b"MM\0*" + bytes(20), "image/tiff"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        (b"BW64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        (b"fLaC" + bytes(20), "audio/flac"),
        (b"OggS" + bytes(20), "audio/ogg"),
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (b"\xff\xfb\x90\x00" + bytes(20), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"\0\0\0\x1cftypisom" + bytes(20), "video/mp4"),
        (b"\0\0\0\x1cftypqt  " + bytes(20), "video/quicktime"),
        (b"\0\0\0\x1cftypM4A " + bytes(20), "audio/mp4"),
        (b"\0\0\0\x1cftypavif" + bytes(20), "image/avif"),
        (b"\0\0\0\x1cftypheic" + bytes(20), "image/heic"),
        (b"\x1a\x45\xdf\xa3....webm" + bytes(20), "video/webm"),
        (b"\x1a\x45\xdf\xa3....matroska" + bytes(20), "video/x-matroska"),
        (b"%PDF-1.7\n", "application/pdf"),
        (office("word/document.xml"), OFFICE + "wordprocessingml.document"),
        (office("ppt/presentation.xml"), OFFICE + "presentationml.presentation"),
        (office("xl/workbook.xml"), OFFICE + "spreadsheetml.sheet"),
        (odt(), ODT),
        (epub(), EPUB),
        (RTF, "application/rtf"),
        (eml(), "message/rfc822"),
        (b"<!DOCTYPE html><p>x", "text/html"),
        (b"just some words\n", "text/plain"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html>\n<html xmlns='x'>", "text/html"),
        (b"# A title\n\n- one\n- two\n", "text/markdown"),
        (b"a,b\n1,2\n3,4\n", "text/csv"),
        (b"A playlist begins with #EXTM3U, a concat script with ffconcat.\n", "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        (b"\xff\xfeG\0r\0\xfc\0\xdf\0e\0", "text/plain"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), OFFICE + "wordprocessingml.document"),
        ("plain words".encode("utf-16-le"), "text/plain"),
        ("Stra\xdfe".encode("latin-1"), "text/plain"),
    ],
)
def test_types_are_known_by_their_bytes(head: bytes, mime: str) -> None:
    assert sniff(io.BytesIO(head), "application/octet-stream", "x.bin") == mime


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"#EXTM3U\nhttp://example.org/a.ts\n", Reason.ACTIVE_CONTENT),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", Reason.ACTIVE_CONTENT),
        (b"<?xml version='1.0'?><MPD xmlns='x'>", Reason.ACTIVE_CONTENT),
        (b"\xef\xbb\xbf\n<!-- x --><cpl:CompositionPlaylist>", Reason.ACTIVE_CONTENT),
        (b"[playlist]\nFile1=/etc/passwd\n", Reason.ACTIVE_CONTENT),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", Reason.ACTIVE_CONTENT),
        (b"\x1f\x8b\x08" + bytes(20), Reason.ARCHIVE_NOT_ACCEPTED),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), Reason.ARCHIVE_NOT_ACCEPTED),
        (office("readme.txt"), Reason.ARCHIVE_NOT_ACCEPTED),
        (b"PK\x03\x04" + bytes(50), Reason.CORRUPT_MEDIA),
        (b"\x7fELF" + bytes(60), Reason.UNSUPPORTED_MEDIA_TYPE),
        (b"MZ\x90\x00" + bytes(60), Reason.UNSUPPORTED_MEDIA_TYPE),
        (b"#!/bin/sh\nrm -rf /\n", Reason.UNSUPPORTED_MEDIA_TYPE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.UNSUPPORTED_MEDIA_TYPE),
    ],
)
def test_the_rest_has_a_reason(head: bytes, reason: Reason) -> None:
    with pytest.raises(MediaFailed) as failed:
        sniff(io.BytesIO(head), "video/mp4", "clip.mp4")
    assert failed.value.reason is reason


def test_a_name_decides_between_kinds_of_text_only() -> None:
    table = b"a,b\n1,2\n"
    assert sniff(io.BytesIO(table), None, "t.csv") == "text/csv"
    assert sniff(io.BytesIO(table), "text/csv", None) == "text/csv"
    assert sniff(io.BytesIO(table), None, "t.MD") == "text/markdown"
    assert sniff(io.BytesIO(table), None, "t.txt") == "text/plain"
    assert sniff(io.BytesIO(table), None, "t.rst") == "text/x-rst"
    assert sniff(io.BytesIO(table), None, "t.eml") == "message/rfc822"
    assert sniff(io.BytesIO(table), "video/mp4", "t.mp4") == "text/csv"


def test_a_wrong_name_is_told_from_another_name_of_the_same() -> None:
    assert says_otherwise("video/mp4", "image/png")
    assert not says_otherwise("audio/x-wav", "audio/wav")
    assert not says_otherwise("", "image/png")


def test_kinds() -> None:
    assert kind_of("video/mp4") is Kind.VIDEO
    assert kind_of("text/csv") is Kind.DOCUMENT
