"""Which document format some bytes are: by signature; among text formats by what is declared."""

import re
import zipfile
from typing import BinaryIO

from analyzers.decoding import decoding
from analyzers.document.archives import OLE
from dataflux.errors import MediaFailed
from schemas.names import Reason

OFFICE = "application/vnd.openxmlformats-officedocument."
MAIN_PARTS = {
    "word/": OFFICE + "wordprocessingml.document",
    "ppt/": OFFICE + "presentationml.presentation",
    "xl/": OFFICE + "spreadsheetml.sheet",
}
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
RTF = "application/rtf"
EMAIL = "message/rfc822"
RST = "text/x-rst"
BY_MIMETYPE = (ODT, EPUB)
"""Archives whose first entry, `mimetype`, says what they are."""
TEXTS = {
    "text/csv": "text/csv",
    "text/tab-separated-values": "text/tab-separated-values",
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/markdown": "text/markdown",
    "text/x-markdown": "text/markdown",
    "text/x-rst": RST,
    "text/prs.fallenstein.rst": RST,
    "message/rfc822": EMAIL,
    "text/plain": "text/plain",
}
HTML_START = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
HEADING = re.compile(r"^#{1,6} \S", re.M)
MARKUP = re.compile(r"^(?:```|[-*] \S|> \S|\|.*\|\s*$)|\[[^\]\n]+\]\([^)\n]+\)", re.M)
HEAD = 64 * 1024
MAIL_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,40}):[ \t]?[^\r\n]*")
MAIL_NAMES = frozenset({b"from", b"to", b"subject", b"date", b"message-id", b"received"})
FEWEST_MAIL_NAMES = 3
BINARY = frozenset({"application/pdf", ODT, EPUB, RTF})


def mime_type(file: BinaryIO, declared: str = "") -> str:
    """Return the MIME type to read a document as; MediaFailed if it is none that can be read."""
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise MediaFailed(Reason.EMPTY_FILE, "the file has no bytes")
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith(b"PK\x03\x04"):
        return _office(file)
    if head.lstrip().startswith(b"{\\rtf"):
        return RTF
    if head.startswith(OLE):
        return declared if declared.startswith(OFFICE) else OFFICE + "wordprocessingml.document"
    if declared.startswith(OFFICE) or declared in BINARY:
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"the bytes are not {declared}")
    return TEXTS.get(declared) or _text(head)


def _office(file: BinaryIO) -> str:
    file.seek(0)
    with decoding("archive"), zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if "mimetype" in names and archive.getinfo("mimetype").file_size < 100:
            said = archive.read("mimetype").decode("ascii", "replace").strip()
            if said in BY_MIMETYPE:
                return said
        if "[Content_Types].xml" in names:
            for folder, found in MAIN_PARTS.items():
                if any(name.startswith(folder) for name in names):
                    return found
    raise MediaFailed(Reason.ARCHIVE_NOT_ACCEPTED, "an archive that is no Office document")


def _text(head: bytes) -> str:
    if HTML_START.match(head):
        return "text/html"
    if is_mail(head):
        return EMAIL
    text = head.decode("utf-8", "replace")
    if HEADING.search(text) and MARKUP.search(text):
        return "text/markdown"
    return "text/csv" if _delimited(text) else "text/plain"


def is_mail(head: bytes) -> bool:
    """Return whether a text begins with the headers of a message: at least three of the usual."""
    found: set[bytes] = set()
    for line in head[:8_192].splitlines():
        match = MAIL_HEADER.match(line)
        if match:
            found.add(match[1].lower())
        elif not line.startswith((b" ", b"\t")):
            break
    return len(found & MAIL_NAMES) >= FEWEST_MAIL_NAMES


def _delimited(text: str) -> bool:
    """Return whether every line has the same number of the same delimiter."""
    lines = [line for line in text.split("\n")[:-1][:20] if line.strip()]
    if len(lines) < 2:
        return False
    return any(
        lines[0].count(mark) >= 1 and len({line.count(mark) for line in lines}) == 1
        for mark in ",;\t"
    )
