"""Small documents of the open formats, made in memory: ODT, EPUB, RTF, RST and e-mail."""

import io
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

from tests.analyzers.files import encoded, lettered

OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{OASIS}{name}:1.0"'
    for prefix, name in (
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("style", "style"),
        ("svg", "svg-compatible"),
    )
)
BODY = """
<text:h text:outline-level="2">Harbour <text:span>report</text:span></text:h>
<text:p>The crane<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>
<text:note-body><text:p>Built in 1931.</text:p></text:note-body></text:note> works
<text:a xlink:href="https://example.org/crane">every day</text:a>.</text:p>
<text:list text:style-name="L1"><text:list-item><text:p>oil it</text:p>
<text:list><text:list-item><text:p>with care</text:p></text:list-item></text:list>
</text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>name</text:p></table:table-cell>
<table:table-cell><text:p>load</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell><text:p>Aurora</text:p></table:table-cell>
<table:table-cell table:number-columns-repeated="1000000"/></table:table-row>
<table:table-row><table:table-cell><text:p>Bella</text:p></table:table-cell>
<table:table-cell><text:p>grain</text:p></table:table-cell></table:table-row></table:table>
<text:p><draw:frame><draw:image xlink:href="Pictures/sign.png"/><svg:desc>A sign</svg:desc>
</draw:frame></text:p>
"""
STYLES = """<style:master-page><style:header><text:p>Port authority</text:p></style:header>
<style:footer><text:p>Confidential</text:p></style:footer></style:master-page>"""


def sign() -> bytes:
    return encoded(lettered((400, 200), [(20, 60, 40, "Quay seven")]), "PNG")


def zipped(mime_type: str, parts: Mapping[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mime_type, zipfile.ZIP_STORED)
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def odt(body: str = BODY, **parts: bytes | str) -> bytes:
    xlink = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
    content = (
        f"<office:document-content {NAMESPACES} {xlink}><office:automatic-styles>"
        '<text:list-style style:name="L1"><text:list-level-style-number/></text:list-style>'
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    styles = f"<office:document-styles {NAMESPACES}>{STYLES}</office:document-styles>"
    files = {"content.xml": content, "styles.xml": styles, "Pictures/sign.png": sign(), **parts}
    return zipped("application/vnd.oasis.opendocument.text", files)


PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><metadata
xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Tides</dc:title></metadata><manifest>
<item id="b" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/one%20.xhtml" media-type="application/xhtml+xml"/>
<item id="i" href="sign.png" media-type="image/png"/></manifest>
<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="missing"/></spine></package>"""
PAGE = """<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>{}</body></html>"""


def epub(**parts: bytes | str) -> bytes:
    container = '<container xmlns="x"><rootfile full-path="OPS/book.opf"/></container>'
    files: dict[str, bytes | str] = {
        "META-INF/container.xml": container,
        "OPS/book.opf": PACKAGE,
        "OPS/text/one .xhtml": PAGE.format("<h1>Ebb</h1><p>The water goes.</p>"),
        "OPS/text/two.xhtml": PAGE.format('<h1>Flow</h1><img src="../sign.png" alt="A sign"/>'),
        "OPS/sign.png": sign(),
        **parts,
    }
    return zipped("application/epub+zip", files)


RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title hidden}}"
    rb"{\b Bericht}\par Sch\'f6ne Gr\u252?\'dfe aus dem Hafen.\par"
    rb"\trowd name\cell load\cell\row Aurora\cell coal\cell\row Bella\cell grain\cell\row}"
)
RST = b"""
======
Report
======

The crane works `every day <https://example.org/crane>`_ [#]_.

Parts
-----

#. jib

   - of steel

.. [#] Built in 1931.

.. table:: Ships

   ======  =====
   name    load
   ======  =====
   Aurora  coal
   Bella   grain
   ======  =====

.. code:: python

   print("up")

.. include:: /etc/passwd
.. raw:: html
   :file: /etc/passwd

..
   a comment
"""


def eml(**headers: str) -> bytes:
    inner = EmailMessage()
    inner["Subject"], inner["From"] = "Older one", "carl@example.org"
    inner.set_content("It was windy.")
    message = EmailMessage()
    message["Subject"] = "Grüße vom Kai"
    message["From"] = "Ann Müller <ann@example.org>"
    message["To"] = "bo@example.org"
    message["Date"] = "Mon, 05 Feb 2024 10:00:00 +0100"
    for name, value in headers.items():
        message[name] = value
    message.set_content(
        "The crane is back.\n\nOn Sunday Bo wrote:\n> Where is it?\n\n-- \nAnn, quay seven\n"
    )
    message.add_alternative("<p>The crane is back.</p>", subtype="html")
    message.add_attachment(sign(), maintype="image", subtype="png", filename="sign.png")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="plan.pdf")
    message.add_attachment(inner)
    return bytes(message)
