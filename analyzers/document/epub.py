"""EPUB: the chapters of a book in their order, with their pictures."""

import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding, html
from analyzers.document.archives import BOOK, ENTITIES, checked, markup
from analyzers.document.blocks import Block, joined
from analyzers.document.flow import flowing
from dataflux.errors import MediaFailed
from schemas.names import Reason

MIME_TYPE = "application/epub+zip"
CONTAINER = "META-INF/container.xml"
OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"
ENCRYPTION = "{http://www.w3.org/2001/04/xmlenc#}"
FONTS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
"""Ways to make fonts unreadable, which hide no text."""
PAGES = ("application/xhtml+xml", "text/html")


def load() -> None:
    html.load()


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    with _opened(file, limits) as archive:
        package = markup(archive, _package(archive))
        names = {
            "title": f".//{DC}title",
            "author": f".//{DC}creator",
            "subject": f".//{DC}subject",
        }
        found = {name: joined(package.findtext(path) or "")[:500] for name, path in names.items()}
        return {"chapters": len(_chapters(archive)), **{n: v for n, v in found.items() if v}}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    with _opened(file, limits) as archive:
        found = list(_blocks(archive, limits))
    yield from flowing(found, limits)


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator[zipfile.ZipFile]:
    with checked(file, limits, BOOK, ENTITIES) as archive, decoding("EPUB"):
        _refuse_locked(archive)
        yield archive


def _refuse_locked(archive: zipfile.ZipFile) -> None:
    locks = markup(archive, "META-INF/encryption.xml")
    if locks is None:
        return
    methods = {method.get("Algorithm") for method in locks.iter(f"{ENCRYPTION}EncryptionMethod")}
    if methods - FONTS:
        raise MediaFailed(Reason.ENCRYPTED_DOCUMENT, "the book is protected")


def _package(archive: zipfile.ZipFile) -> str:
    """Return the name of the part that lists the others."""
    container = markup(archive, CONTAINER)
    roots = [] if container is None else [e.get("full-path") for e in container.iter("{*}rootfile")]
    found = [str(name) for name in roots if name in archive.NameToInfo]
    if not found:
        raise MediaFailed(Reason.CORRUPT_MEDIA, "a book without a list of its parts")
    return found[0]


def _chapters(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the pages in the order in which they are read."""
    name = _package(archive)
    package = markup(archive, name)
    parts = {
        item.get("id"): _named(name, item.get("href", ""))
        for item in package.iter(f"{OPF}item")
        if item.get("media-type") in PAGES
    }
    spine = [parts.get(item.get("idref")) for item in package.iter(f"{OPF}itemref")]
    return [chapter for chapter in dict.fromkeys(spine) if chapter in archive.NameToInfo]


def _named(base: str, reference: str) -> str:
    """Return the name of the entry that a part of the book refers to."""
    path = unquote(reference.partition("#")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path))


def _blocks(archive: zipfile.ZipFile, limits: Limits) -> Iterator[Block]:
    for name in _chapters(archive):
        limits.hold("text_bytes", archive.NameToInfo[name].file_size)
        data = archive.read(name)
        text = encoding.decode(data, encoding.declared_in_html(data)).text
        yield from html.blocks(text, partial(_picture, archive, name))


def _picture(archive: zipfile.ZipFile, chapter: str, source: str) -> bytes | None:
    name = _named(chapter, source)
    return archive.read(name) if name in archive.NameToInfo else None
