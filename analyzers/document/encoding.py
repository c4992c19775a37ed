"""Bytes of a text file as text: by its mark, as UTF-8, else by the likeliest encoding."""

import codecs
import encodings.aliases
import re
import sys
from dataclasses import dataclass
from typing import BinaryIO

from analyzers.decoding import Limits
from analyzers.document.blocks import clean
from dataflux.errors import MediaFailed
from schemas.names import Reason

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 64 * 1024
DECLARED = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w:.-]{2,40})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    encoding: str
    replaced: int
    """Bytes that were no text in this encoding, each now U+FFFD."""


def load() -> None:
    """Import every codec now: a sealed process cannot when the first file of its kind comes."""
    for name in set(encodings.aliases.aliases.values()):
        try:
            codecs.lookup(name)
        except LookupError:  # codecs of other platforms
            continue
    _likeliest("Größe und Maß: überall schön, für jeden Zweck geprüft".encode("cp1252") * 20)


def read(file: BinaryIO, limits: Limits) -> Decoded:
    """Return the text of a file, without characters that cannot be stored."""
    file.seek(0)
    data = file.read(limits.text_bytes + 1)
    limits.hold("text_bytes", len(data))
    if not data.strip(b"\0 \r\n\t"):
        raise MediaFailed(Reason.EMPTY_FILE, "the file has no text")
    return decode(data)


def decode(data: bytes, declared: str | None = None) -> Decoded:
    encoding = _encoding(data, declared)
    text = data.decode(encoding, "replace")
    return Decoded(clean(text.removeprefix("\ufeff")), encoding, text.count("\ufffd"))


def declared_in_html(data: bytes) -> str | None:
    """Return the encoding that an HTML page names in its head, if Python has it."""
    match = DECLARED.search(data[:4096])
    return known(match[1].decode("ascii", "replace")) if match else None


def known(name: str) -> str | None:
    """Return the encoding of a name, if Python has it; nothing is imported for one it has not."""
    folded = encodings.normalize_encoding(name).lower()
    module = encodings.aliases.aliases.get(folded, folded)
    if f"encodings.{module}" not in sys.modules:
        return None
    try:
        info = codecs.lookup(module)
    except (LookupError, ValueError):
        return None
    return info.name if getattr(info, "_is_text_encoding", True) else None


def _encoding(data: bytes, declared: str | None) -> str:
    for mark, name in MARKS:
        if data.startswith(mark):
            return name
    wide = _unmarked_wide(data[:SAMPLE])
    if wide:
        return wide
    if _is_utf8(data):
        return "utf-8"
    return declared or _likeliest(data[:SAMPLE])


def _unmarked_wide(head: bytes) -> str | None:
    """Return which UTF-16 it is if every second byte of mostly Western text is zero."""
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def _is_utf8(data: bytes) -> bool:
    """Accept UTF-8 with a few broken places: those become U+FFFD instead of another language."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        text = data[:SAMPLE].decode("utf-8", "replace")
        good = sum(c > "\x7f" and c != "\ufffd" for c in text)
        return good > 20 * text.count("\ufffd")
    return True


def _likeliest(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return best.encoding if best is not None else "cp1252"
