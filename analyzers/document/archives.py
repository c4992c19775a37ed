"""Office files are zip archives of XML: what is checked before any library unfolds them."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from analyzers.decoding import Limits, decoding
from dataflux.errors import MediaFailed
from schemas.names import Reason

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
MARKUP = (".xml", ".rels", ".vml", ".rdf")
BOOK = (*MARKUP, ".xhtml", ".html", ".htm", ".opf", ".ncx", ".svg", ".css")
SMALL = 1_000_000
"""Unfolded bytes below which even a high ratio does no harm."""
CODINGS = ("utf-8", "utf-16-le", "utf-16-be")
ENTITIES = tuple("<!ENTITY".encode(coding) for coding in CODINGS)
DECLARATIONS = (*ENTITIES, *("<!DOCTYPE".encode(coding) for coding in CODINGS))
CHUNK = 1 << 20


@contextmanager
def checked(
    file: BinaryIO,
    limits: Limits,
    markup: tuple[str, ...] = MARKUP,
    refused: tuple[bytes, ...] = DECLARATIONS,
) -> Iterator[zipfile.ZipFile]:
    """Yield the archive once it is known to unfold to a bounded size and to declare no entities.

    Pages of books may name the type that they are of; what they may not declare either way are
    entities.
    """
    file.seek(0)
    _refuse_ole(file)
    file.seek(0)
    with decoding("archive"), zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        limits.hold("entries", len(entries))
        _hold_names(entries)
        _hold_sizes(entries, limits, markup)
        for entry in entries:
            if _is_markup(entry, markup):
                _refuse_entities(archive, entry, refused)
        file.seek(0)
        yield archive


def _refuse_ole(file: BinaryIO) -> None:
    """An Office file with a password is an OLE file around the encrypted archive."""
    head = file.read(CHUNK)
    if not head.startswith(OLE):
        return
    if ENCRYPTED_PACKAGE in head or _in_tail(file):
        raise MediaFailed(Reason.ENCRYPTED_DOCUMENT, "it needs a password")
    raise MediaFailed(
        Reason.UNSUPPORTED_MEDIA_TYPE, "a binary Office file; save it as DOCX, PPTX or XLSX"
    )


def _in_tail(file: BinaryIO) -> bool:
    size = file.seek(0, 2)
    file.seek(max(0, size - CHUNK))
    return ENCRYPTED_PACKAGE in file.read(CHUNK)


def _is_markup(entry: zipfile.ZipInfo, markup: tuple[str, ...]) -> bool:
    return entry.filename.lower().endswith(markup)


def _hold_names(entries: list[zipfile.ZipInfo]) -> None:
    """Two entries of one name mean one thing to one program and another to the next."""
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise MediaFailed(Reason.CORRUPT_MEDIA, "two entries of the archive have one name")
    if any(name.startswith("/") or ".." in name.split("/") for name in names):
        raise MediaFailed(Reason.CORRUPT_MEDIA, "an entry of the archive lies outside of it")


def _hold_sizes(entries: list[zipfile.ZipInfo], limits: Limits, markup: tuple[str, ...]) -> None:
    """Hold what the directory claims; zipfile never unfolds more of an entry than is claimed."""
    limits.hold("archive_bytes", sum(entry.file_size for entry in entries))
    texts = [entry for entry in entries if _is_markup(entry, markup)]
    limits.hold("text_bytes", sum(entry.file_size for entry in texts))
    for entry in entries:
        if entry.flag_bits & 1:
            raise MediaFailed(Reason.ENCRYPTED_DOCUMENT, "it needs a password")
        if entry.file_size > SMALL:
            limits.hold("ratio", entry.file_size / max(1, entry.compress_size))


def _refuse_entities(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, refused: tuple[bytes, ...]
) -> None:
    """Office files never declare entities; those that do are made to unfold or to reach out."""
    kept = b""
    with archive.open(entry) as part:
        while chunk := part.read(CHUNK):
            window = kept + chunk
            if any(declaration in window for declaration in refused):
                raise MediaFailed(
                    Reason.ACTIVE_CONTENT, f"{entry.filename:.80} declares XML entities"
                )
            kept = chunk[-32:]


def markup(archive: zipfile.ZipFile, name: str) -> Any:
    """Return the root of an XML part, or None if there is none; nothing is fetched or expanded."""
    from lxml import etree

    if name not in archive.NameToInfo:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(archive.read(name), parser)
