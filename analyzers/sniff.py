"""What a file is, from its bytes; what the sender calls it only decides between kinds of text."""

import re
from pathlib import PurePosixPath
from typing import BinaryIO

from analyzers.document import sniff as documents
from dataflux.errors import MediaFailed
from schemas.names import Kind, Reason

HEAD = 4096

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
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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
    b"\x04\x22\x4d\x18",
    b"MSCF\0\0\0\0",
    b"PK\x05\x06",
)
_PLAYLIST = re.compile(
    rb"""\s*(?:\#EXTM3U|ffconcat\ version|\[playlist\]|\[reference\]|v=0\r?\no=
    |(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!doctype[^>]*>\s*)*
     <(?:\w+:)?(?:mpd|smil|asx|compositionplaylist)\b)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""HLS, concat, PLS, ASF and SDP by their first line; DASH, SMIL, ASX and IMF by their root."""
_REFUSED_TEXT = re.compile(rb"\s*(?:%!ps|\#!|<\?xml|<svg)", re.IGNORECASE)
_XHTML = re.compile(
    rb"\s*<\?xml.{0,200}?\?>\s*(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html)", re.I | re.S
)
_BOM = b"\xef\xbb\xbf"
_BY_SUFFIX = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".rst": documents.RST,
    ".eml": documents.EMAIL,
    ".txt": "text/plain",
}
_ALIASES = {
    "text/x-markdown": "text/markdown",
    "application/xhtml+xml": "text/html",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/mp4a-latm": "audio/mp4",
    "audio/x-aac": "audio/aac",
    "audio/opus": "audio/ogg",
    "image/heif": "image/heic",
    "text/rtf": documents.RTF,
    "application/x-rtf": documents.RTF,
    "text/prs.fallenstein.rst": documents.RST,
    "image/jpg": "image/jpeg",
    "video/matroska": "video/x-matroska",
}
KNOWN = frozenset(
    {
        *(mime for _, _, mime in _MAGIC),
        *_BRANDS.values(),
        *documents.MAIN_PARTS.values(),
        *_BY_SUFFIX.values(),
        *(documents.ODT, documents.EPUB, documents.RTF),
        *_ALIASES,
        *("application/pdf", "audio/aac", "video/mp4", "video/webm", "video/x-matroska"),
    }
)
"""The types whose bytes are known here: what somebody calls by one of them must be it."""


def sniff(file: BinaryIO, declared: str | None = None, filename: str | None = None) -> str:
    """Return the MIME type; raise MediaFailed for what is empty, dangerous or not known."""
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise MediaFailed(Reason.EMPTY_FILE, "the file has no bytes")
    if _PLAYLIST.match(head.removeprefix(_BOM)):
        raise MediaFailed(Reason.ACTIVE_CONTENT, "a playlist refers to other files")
    found = _by_magic(head) or _container(head) or _mpeg_audio(head)
    if found:
        return found
    if head.startswith((b"PK\x03\x04", _OLE)) or b"%PDF-" in head[:1024]:
        return documents.mime_type(file)
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        raise MediaFailed(Reason.ARCHIVE_NOT_ACCEPTED, "unpack it and send its files")
    if _XHTML.match(head.removeprefix(_BOM)):
        return "text/html"
    _refuse_other_texts(head)
    return documents.mime_type(file, _text_type(declared or "", filename or ""))


def says_otherwise(declared: str, mime_type: str) -> bool:
    """Return whether a file is not what its sender called it."""
    return bool(declared) and _plain(declared) != _plain(mime_type)


def _plain(mime_type: str) -> str:
    return _ALIASES.get(mime_type, mime_type)


def kind_of(mime_type: str) -> Kind:
    """Return the medium a person would call it."""
    top = mime_type.partition("/")[0]
    return Kind(top) if top in ("video", "audio", "image") else Kind.DOCUMENT


_RIFF = (b"RIFF", b"RF64", b"BW64")
"""The last two are of broadcasters: a WAV file above 4 GiB."""


def _by_magic(head: bytes) -> str | None:
    for offset, mark, mime in _MAGIC:
        if head[offset : offset + len(mark)] == mark and (offset == 0 or head[:4] in _RIFF):
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
    """Tell a frame header of MPEG audio from one of AAC (ADTS), whose layer bits are 0."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    valid = version != 1 and layer in (1, 2) and bit_rate not in (0, 15) and rate != 3
    return "audio/mpeg" if valid else None  # layer 1, never seen, looks like a UTF-16 mark


def _refuse_other_texts(head: bytes) -> None:
    if not _looks_like_text(head):
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, "no known signature")
    if _REFUSED_TEXT.match(head.removeprefix(_BOM)):
        raise MediaFailed(Reason.UNSUPPORTED_MEDIA_TYPE, "source, XML and print files are not read")


def _text_type(declared: str, filename: str) -> str:
    """Return the kind of text that is claimed: by the suffix, else by the sender, else none."""
    suffix = PurePosixPath(filename).suffix.lower()
    claimed = _BY_SUFFIX.get(suffix) or _plain(declared)
    return claimed if claimed in _BY_SUFFIX.values() else ""


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
