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
TEXTS = {
    "text/csv": "text/csv",
    "text/tab-separated-values": "text/tab-separated-values",
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/markdown": "text/markdown",
    "text/x-markdown": "text/markdown",
    "text/plain": "text/plain",
}
HTML_START = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
HEADING = re.compile(r"^#{1,6} \S", re.M)
MARKUP = re.compile(r"^(?:```|[-*] \S|> \S|\|.*\|\s*$)|\[[^\]\n]+\]\([^)\n]+\)", re.M)
HEAD = 64 * 1024


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
    if head.startswith(OLE):
        return declared if declared.startswith(OFFICE) else OFFICE + "wordprocessingml.document"
    if declared.startswith(OFFICE) or declared == "application/pdf":
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"the bytes are not {declared}")
    return TEXTS.get(declared) or _text(head)


def _office(file: BinaryIO) -> str:
    file.seek(0)
    with decoding("archive"), zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if "[Content_Types].xml" in names:
            for folder, found in MAIN_PARTS.items():
                if any(name.startswith(folder) for name in names):
                    return found
    raise MediaFailed(Reason.ARCHIVE_NOT_ACCEPTED, "an archive that is no Office document")


def _text(head: bytes) -> str:
    if HTML_START.match(head):
        return "text/html"
    text = head.decode("utf-8", "replace")
    if HEADING.search(text) and MARKUP.search(text):
        return "text/markdown"
    return "text/csv" if _delimited(text) else "text/plain"


def _delimited(text: str) -> bool:
    """Return whether every line has the same number of the same delimiter."""
    lines = [line for line in text.split("\n")[:-1][:20] if line.strip()]
    if len(lines) < 2:
        return False
    return any(
        lines[0].count(mark) >= 1 and len({line.count(mark) for line in lines}) == 1
        for mark in ",;\t"
    )
