"""Every supported type is known by its bytes; what is dangerous or foreign is named."""

import io
import zipfile

import pytest

from analyzers.sniff import DOCX, PPTX, XLSX, kind_of, sniff
from dataflux.errors import MediaFailed
from schemas.names import Kind, Reason


def office(part: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
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
        (office("word/document.xml"), DOCX),
        (office("ppt/presentation.xml"), PPTX),
        (office("xl/workbook.xml"), XLSX),
        (b"<!DOCTYPE html><p>x", "text/html"),
        (b"just some words\n", "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
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
    assert sniff(io.BytesIO(table), "video/mp4", "t.mp4") == "text/plain"


def test_kinds() -> None:
    assert kind_of("video/mp4") is Kind.VIDEO
    assert kind_of("text/csv") is Kind.DOCUMENT
