"""What a file is, from its bytes; what the sender calls it only decides between kinds of text."""

import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO

from dataflux.errors import MediaFailed
from schemas.names import Kind, Reason

HEAD = 4096

_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = _OFFICE + "wordprocessingml.document"
PPTX = _OFFICE + "presentationml.presentation"
XLSX = _OFFICE + "spreadsheetml.sheet"

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
)
_EBML = b"\x1a\x45\xdf\xa3"
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_ARCHIVES = (
    b"\x1f\x8b",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x50\x4b\x05\x06",
)
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<SMIL")
_BY_SUFFIX = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
}
_TEXT_TYPES = frozenset(_BY_SUFFIX.values()) | {"text/plain"}


def sniff(file: BinaryIO, declared: str | None = None, filename: str | None = None) -> str:
    """Return the MIME type; raise MediaFailed for what is empty, dangerous or not known."""
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise MediaFailed(Reason.EMPTY_FILE)
    if any(mark in head[:512] for mark in _PLAYLISTS):
        raise MediaFailed(Reason.ACTIVE_CONTENT, "a playlist refers to other files")
    found = _by_magic(head) or _container(head) or _mpeg_audio(head)
    if found:
        return found
    if head.startswith(b"PK\x03\x04"):
        return _office(file)
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        raise MediaFailed(Reason.ARCHIVE_NOT_ACCEPTED, "unpack it and send its files")
    return _text(head, declared, filename)


def kind_of(mime_type: str) -> Kind:
    """Return the medium a person would call it."""
    top = mime_type.partition("/")[0]
    return Kind(top) if top in ("video", "audio", "image") else Kind.DOCUMENT


def _by_magic(head: bytes) -> str | None:
    for offset, mark, mime in _MAGIC:
        if head[offset : offset + len(mark)] == mark and (offset == 0 or head[:4] == b"RIFF"):
            return mime
    return None


def _container(head: bytes) -> str | None:
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime"
    return None


def _mpeg_audio(head: bytes) -> str | None:
    """Tell a frame header of MPEG audio, layers II and III, from one of AAC (ADTS): layer 0.

    Layer I is taken for text: its header is the byte order mark of UTF-16.
    """
    if head[0] != 0xFF or len(head) < 2 or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    layer_two_or_three = head[1] & 0x06 in (0x02, 0x04)
    return "audio/mpeg" if layer_two_or_three and head[1] & 0x18 != 0x08 else None


def _office(file: BinaryIO) -> str:
    """Tell the office formats by the part each of them must have."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist()[:10_000])
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"zip: {type(error).__name__}") from error
    for part, mime in (
        ("word/document.xml", DOCX),
        ("ppt/presentation.xml", PPTX),
        ("xl/workbook.xml", XLSX),
    ):
        if part in names:
            return mime
    raise MediaFailed(Reason.ARCHIVE_NOT_ACCEPTED, "unpack it and send its files")


def _text(head: bytes, declared: str | None, filename: str | None) -> str:
    if not _looks_like_text(head):
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, "no known signature")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if start.startswith((b"{\\rtf", b"%!ps", b"#!")):
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, "a format that is not read yet")
    if start.startswith((b"<?xml", b"<svg")):
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, "XML and SVG are not read yet")
    suffix = PurePosixPath(filename or "").suffix.lower()
    named = _BY_SUFFIX.get(suffix) or (declared or "").partition(";")[0].strip().lower()
    return named if named in _TEXT_TYPES else "text/plain"


def _looks_like_text(head: bytes) -> bool:
    """Return whether it can be text in any encoding: few control characters, or UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    sample = head.replace(b"\0", b"") if _utf16_without_mark(head) else head
    control = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in sample)
    return control == 0 or (control / len(sample) < 0.01 and b"\0" not in sample)


def _utf16_without_mark(head: bytes) -> bool:
    """Western text in UTF-16 has a zero in every second byte."""
    zeros = head[0::2].count(0), head[1::2].count(0)
    return max(zeros) > len(head) * 0.4 and min(zeros) < len(head) * 0.01
