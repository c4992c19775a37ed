"""Hostile Office files and books: archives that unfold or climb out, XML that reaches out."""

import io
import stat
import struct
import tarfile
import zipfile
import zlib

from tests.analyzers import files, papers
from tests.hostile.case import (
    ACTIVE,
    ARCHIVE,
    CORRUPT,
    LIMIT,
    OOM,
    PARTLY,
    READ,
    TIMEOUT,
    Bait,
    Case,
    always,
)

EMPTY = "empty_media"
LOCKED = "encrypted_document"
DOCUMENT = "word/document.xml"
RELATIONS = "word/_rels/document.xml.rels"


def _bomb(size: int = 64 << 20) -> bytes:
    return files.rezipped(files.docx(), {DOCUMENT: bytes(size)})


def _overlapping(count: int = 5_000) -> bytes:
    """Return an archive whose entries all unfold the same bytes (after David Fifield)."""
    same = b"a" * 900_000
    packed, checksum = zlib.compress(same, 9)[2:-4], zlib.crc32(same)
    head = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 33,
                       checksum, len(packed), len(same), 17, 0)  # fmt: skip
    data = head + DOCUMENT.encode() + packed
    directory = b""
    for number in range(count):
        name = f"word/{number:05}.xml".encode() if number else DOCUMENT.encode()
        directory += struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, checksum,
            len(packed), len(same), len(name), 0, 0, 0, 0, 0, 0) + name  # fmt: skip
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(data), 0)
    return data + directory + end


def _laughing(name: str, data: bytes) -> bytes:
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(10))
    body = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><x>&a10;</x>'
    return files.rezipped(data, {name: body.encode()})


def _reaching(name: str, data: bytes, bait: Bait, *, coding: str = "utf-8") -> bytes:
    """Return an archive with XML that names a file of this machine, and a server."""
    body = (
        f'<?xml version="1.0" encoding="{coding}"?><!DOCTYPE x SYSTEM "{bait.url}/x.dtd" ['
        f'<!ENTITY f SYSTEM "file://{bait.secret}"><!ENTITY u SYSTEM "{bait.url}/xxe">]>'
        "<x>&f;&u;</x>"
    )
    return files.rezipped(data, {name: body.encode(coding)})


def _template(bait: Bait) -> bytes:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"
    body = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{kind}" TargetMode="External" Target="{bait.url}/t.dotm"/>'
        "</Relationships>"
    )
    return files.rezipped(files.docx(), {"word/_rels/settings.xml.rels": body.encode()})


def _macros() -> bytes:
    return files.rezipped(files.docx(), {"word/vbaProject.bin": b"\xd0\xcf\x11\xe0" + bytes(4000)})


def _sheets(count: int) -> bytes:
    """Return a workbook that lists many sheets, all of them the same."""
    listed = "".join(f'<sheet name="s{n}" sheetId="{n}" r:id="rId1"/>' for n in range(1, count))
    body = (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        f"<sheets>{listed}</sheets></workbook>"
    )
    return files.rezipped(files.xlsx(), {"xl/workbook.xml": body.encode()})


def _cells() -> bytes:
    """Return a sheet that claims its last possible cell."""
    body = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="1048576">'
        '<c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    return files.rezipped(files.xlsx(), {"xl/worksheets/sheet1.xml": body.encode()})


def _deep(name: str, data: bytes, depth: int = 100_000) -> bytes:
    body = b"<a>" * depth + b"</a>" * depth
    return files.rezipped(data, {name: body})


def _deep_odt(depth: int = 250) -> bytes:
    item = "<text:list><text:list-item>"
    end = "</text:list-item></text:list>"
    return papers.odt(f"{item * depth}<text:p>words</text:p>{end * depth}")


def _repeated_cells() -> bytes:
    cell = '<table:table-cell table:number-columns-repeated="9999999"><text:p>x</text:p>'
    row = f"<table:table-row>{f'{cell}</table:table-cell>' * 200}</table:table-row>"
    return papers.odt(f"<table:table>{row * 200}</table:table>")


def _climbing() -> bytes:
    return files.rezipped(papers.odt(), {"../../../../tmp/escaped": b"out"})


def _twins() -> bytes:
    out = io.BytesIO(papers.epub())
    with zipfile.ZipFile(out, "a") as archive:
        archive.filename = None
        archive.NameToInfo.clear()
        archive.writestr("OPS/book.opf", "<package/>")
    return out.getvalue()


def _wrong_sum() -> bytes:
    """Return a text document whose content has another checksum than its archive says."""
    with zipfile.ZipFile(io.BytesIO(papers.odt())) as archive:
        sum_ = struct.pack("<I", archive.getinfo("content.xml").CRC)
    return papers.odt().replace(sum_, b"\1\2\3\4")


def _symlink(bait: Bait) -> bytes:
    """Return a text document whose content is a link to a file of this machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        entry = zipfile.ZipInfo("content.xml")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, bait.secret)
    return out.getvalue()


def _linked_odt(bait: Bait) -> bytes:
    return papers.odt(
        f'<text:p>The crane<draw:frame><draw:image xlink:href="{bait.url}/odt.png"/></draw:frame>'
        f'<draw:frame><draw:image xlink:href="../../..{bait.secret}"/></draw:frame></text:p>'
    )


def _climbing_book(bait: Bait) -> bytes:
    page = papers.PAGE.format(
        f'<p>Tides</p><img src="../../../../..{bait.secret}"/><img src="{bait.url}/e.png"/>'
        f'<iframe src="{bait.url}/f"></iframe><link rel="stylesheet" href="{bait.url}/s.css"/>'
    )
    return papers.epub(**{"OPS/text/one .xhtml": page})


def _vast_picture_in_book() -> bytes:
    return papers.epub(**{"OPS/sign.png": files.png(12_000, 12_000)})


def _nested_archives() -> bytes:
    data = bytes(10 << 20)
    for level in range(6):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{level}-{number}.zip", data)
        data = out.getvalue()
    return data


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("../../../../etc/cron.d/x")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


def _many_entries() -> bytes:
    return files.rezipped(files.docx(), {f"word/{n}.bin": b"" for n in range(12_000)})


def _broken_picture() -> bytes:
    return files.rezipped(
        files.docx(), {"word/media/image1.png": b"\x89PNG\r\n\x1a\n" + b"\xff" * 500}
    )


CASES = (
    Case("M28", "a part that unfolds to 64 MiB", "docx", always(_bomb), (LIMIT,), "ratio"),
    Case("M28", "5000 entries of the same bytes", "docx", always(_overlapping),
         (LIMIT, CORRUPT, ARCHIVE)),
    Case("M28", "12000 entries", "docx", always(_many_entries), (LIMIT,), "entries"),
    Case("M33", "a document that laughs a billion times", "docx",
         always(lambda: _laughing(DOCUMENT, files.docx())), (ACTIVE,)),
    Case("M33", "a workbook that laughs a billion times", "xlsx",
         always(lambda: _laughing("xl/workbook.xml", files.xlsx())), (ACTIVE,)),
    Case("M28", "a document that names other files", "docx",
         lambda bait: _reaching(DOCUMENT, files.docx(), bait), (ACTIVE,)),
    Case("M28", "the same in UTF-16", "docx",
         lambda bait: _reaching(DOCUMENT, files.docx(), bait, coding="utf-16-le"), (ACTIVE,)),
    Case("M28", "slides that name other files", "pptx",
         lambda bait: _reaching("ppt/presentation.xml", files.pptx(), bait), (ACTIVE,)),
    Case("M28", "a template from elsewhere", "docx", _template, (READ,)),
    Case("M28", "macros", "docx", always(_macros), (READ,)),
    Case("M28", "6000 sheets", "xlsx", always(lambda: _sheets(6_000)), (LIMIT, CORRUPT)),
    Case("M28", "the last possible cell", "xlsx", always(_cells),
         (READ,)),
    Case("M28", "elements in elements, 100000 deep", "docx",
         always(lambda: _deep(DOCUMENT, files.docx())), (CORRUPT, LIMIT)),
    Case("M28", "elements in elements, 100000 deep", "odt",
         always(lambda: _deep("content.xml", papers.odt())), (CORRUPT, LIMIT)),
    Case("M28", "lists in lists", "odt", always(_deep_odt), (READ, LIMIT, CORRUPT)),
    Case("M28", "cells that are repeated ten million times", "odt", always(_repeated_cells),
         (READ, LIMIT, OOM, TIMEOUT, PARTLY)),
    Case("M28", "a picture of noise", "docx", always(_broken_picture), (READ, PARTLY)),
    Case("M29", "a name that climbs out", "odt", always(_climbing), (CORRUPT,)),
    Case("M29", "two entries of one name", "epub", always(_twins), (CORRUPT,)),
    Case("M29", "a wrong checksum", "odt", always(_wrong_sum), (CORRUPT,)),
    Case("M29", "a link to another file", "odt", _symlink, (CORRUPT,)),
    Case("M28", "a text document that names other files", "odt",
         lambda bait: _reaching("content.xml", papers.odt(), bait), (ACTIVE,)),
    Case("M28", "a book that names other files", "epub",
         lambda bait: _reaching("OPS/text/one .xhtml", papers.epub(), bait), (ACTIVE,)),
    Case("M28", "a package that names other files", "epub",
         lambda bait: _reaching("OPS/book.opf", papers.epub(), bait), (ACTIVE,)),
    Case("M28", "pictures from elsewhere", "odt", _linked_odt, (READ,)),
    Case("M29", "pictures outside of the book", "epub", _climbing_book, (READ,)),
    Case("M1", "144 million pixels in a book", "epub", always(_vast_picture_in_book),
         (READ, PARTLY)),
    Case("M28", "archives in archives", "zip", always(_nested_archives), (ARCHIVE,)),
    Case("M29", "a name that climbs out", "tar", always(_tar), (ARCHIVE,)),
    Case("M28", "a gigabyte of nothing", "gz",
         always(lambda: b"\x1f\x8b\x08\0" + bytes(6) + zlib.compress(bytes(64 << 20))), (ARCHIVE,)),
)  # fmt: skip
