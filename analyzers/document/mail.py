"""E-mail: who wrote what to whom, the message itself, what it quotes, and what is attached."""

import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from itertools import groupby
from typing import Any, BinaryIO, cast

from analyzers.api import Artifact, Range, Segment
from analyzers.decoding import Limits, decoding
from analyzers.document import encoding, html
from analyzers.document.blocks import Block, Role, joined
from analyzers.document.flow import flowing
from dataflux.errors import MediaFailed
from schemas.names import Reason

HEADERS = {"from": "From", "to": "To", "cc": "Cc", "date": "Date"}
LONGEST_HEADER = 10_000
TEXTUAL = ("text", "multipart")
"""A message that claims to have parts and has none is text."""
DEEPEST = 8
"""Messages in messages."""
SEALED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
QUOTE = re.compile(r"\s*>")
INTRODUCTION = re.compile(
    r"\s*(?:On .{1,200} wrote|Am .{1,200} schrieb.{0,100}|Le .{1,200} a écrit)\s*:\s*$"
)
SIGNATURE = re.compile(r"-- ?$")
BOUNDARY = re.compile(rb'boundary\s*=\s*"?([^"\s;]{1,200})', re.IGNORECASE)
EDGE = re.compile(rb"^--[^\r\n]{1,200}", re.MULTILINE)
PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")


class _Bounded(email.policy.EmailPolicy):
    """Reads headers as they are today; the library takes the square of their length in time."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]


def load() -> None:
    """Read a message with every kind of part: the library imports its parsers when first used."""
    html.load()
    inner = EmailMessage()
    inner["Subject"], inner["From"], inner["To"] = "Größe", "Ä <a@example.org>", "b@example.org"
    inner["Date"] = "Mon, 05 Feb 2024 10:00:00 +0100"
    inner["Content-Disposition"] = "inline"
    inner.set_content("Hallo, schöne Grüße.", cte="quoted-printable")
    inner.add_alternative("<p>Hallo</p>", subtype="html")
    message = EmailMessage()
    message.set_content("up")
    message.add_attachment(b"data", maintype="image", subtype="png", filename="ä.png")
    message.add_attachment(inner)
    list(blocks(_parsed(bytes(message)), Limits(), 0))
    _facts(_parsed(bytes(inner)))


def metadata(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    message = _read(file, limits)
    with decoding("e-mail"):
        return {"title": _header(message, "subject"), **_facts(message)}


def pieces(file: BinaryIO, limits: Limits) -> list[Range]:
    return []


def read(file: BinaryIO, piece: Range | None, limits: Limits) -> Iterator[Segment | Artifact]:
    message = _read(file, limits)
    with decoding("e-mail"):
        found = list(blocks(message, limits, 0))
    yield from flowing(found, limits)


def blocks(message: MIMEPart, limits: Limits, depth: int) -> Iterator[Block]:
    """Yield the subject, who it is from and to, the text, and what is attached."""
    if depth > DEEPEST:
        raise MediaFailed(
            Reason.DECODE_LIMIT_EXCEEDED, "messages in messages, too deep", limit="depth"
        )
    facts = _facts(message)
    subject = _header(message, "subject")
    yield Block("heading", subject, depth + 1, features={"semantic": {"mail": facts}})
    for name, label in HEADERS.items():
        yield Block("paragraph", _labelled(label, facts.get(name, "")), role="metadata")
    body = message.get_body(("plain", "html"))
    if body is None and not message.is_multipart() and message.get_content_maintype() in TEXTUAL:
        body = message
    if body is not None:
        yield from _body(body)
    for number, part in enumerate(_attached(message, body)):
        limits.hold("entries", number + 1)
        yield from _attachment(part, limits, depth)


def _labelled(label: str, value: str) -> str:
    return f"{label}: {value}" if value else ""


def _read(file: BinaryIO, limits: Limits) -> EmailMessage:
    file.seek(0)
    data = file.read(limits.text_bytes + 1)
    limits.hold("text_bytes", len(data))
    limits.hold("entries", _edges(data))
    with decoding("e-mail"):
        message = _parsed(data)
        if message.get_content_type() in SEALED and "signed" not in str(message["content-type"]):
            raise MediaFailed(Reason.ENCRYPTED_DOCUMENT, "the message is encrypted")
        return message


def _edges(data: bytes) -> int:
    """Return how many lines part one part from the next: the library takes their square in time."""
    named = set(BOUNDARY.findall(data))
    return sum(line[2:] in named for line in EDGE.findall(data)) if named else 0


def _parsed(data: bytes) -> EmailMessage:
    return cast(EmailMessage, BytesParser(EmailMessage, policy=_Bounded()).parsebytes(data))


def _header(message: MIMEPart, name: str) -> str:
    """Return a header as people read it; one that is broken as it was sent."""
    try:
        value = str(message.get(name, ""))
    except Exception:  # the library raises nearly anything on hostile headers
        value = next((str(v) for n, v in message.raw_items() if n.lower() == name), "")
    return joined(value)[:LONGEST_HEADER]


def _facts(message: MIMEPart) -> dict[str, str]:
    found = {name: _header(message, name) for name in HEADERS}
    return {name: value for name, value in found.items() if value}


def _body(body: MIMEPart) -> Iterator[Block]:
    text = _text(body)
    if body.get_content_type() == "text/html":
        yield from html.blocks(text)
    else:
        yield from _plain(text)


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    declared = encoding.known(part.get_content_charset() or "")
    return encoding.decode(data, declared).text if data else ""


def _plain(text: str) -> Iterator[Block]:
    """Yield the paragraphs of a message; what it quotes and how it is signed told apart."""
    role: Role | None = None
    for paragraph in PARAGRAPH.split(text):
        for quoted, lines in groupby(paragraph.split("\n"), key=_is_quoted):
            taken = list(lines)
            if any(SIGNATURE.match(line) for line in taken):
                role = "signature"
            words = joined("\n".join(QUOTE.sub("", line) if quoted else line for line in taken))
            yield Block("paragraph", words, role="quoted" if quoted else role)


def _is_quoted(line: str) -> bool:
    return bool(QUOTE.match(line) or INTRODUCTION.match(line))


def _attached(message: MIMEPart, body: MIMEPart | None) -> Iterator[MIMEPart]:
    """Yield the parts beside the text: of a message in this one the whole, not its own parts."""
    for part in _leaves(message, DEEPEST):
        alternative = part is not body and part.get_content_type() in ("text/plain", "text/html")
        if part is not body and not (alternative and not part.is_attachment()):
            yield part


def _leaves(message: MIMEPart, depth: int) -> Iterator[MIMEPart]:
    if message.get_content_maintype() != "multipart" or depth == 0:
        yield message
        return
    for part in message.iter_parts():
        yield from _leaves(part, depth - 1)


def _attachment(part: MIMEPart, limits: Limits, depth: int) -> Iterator[Block]:
    name = joined(part.get_filename() or "")[:LONGEST_HEADER]
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        if isinstance(inner, MIMEPart):
            yield from blocks(inner, limits, depth + 1)
    elif part.get_content_maintype() == "image":
        data = part.get_payload(decode=True)
        yield Block("image", name, picture=data if isinstance(data, bytes) else None)
    elif part.get_content_type() == "text/plain":
        yield Block("heading", name, depth + 2)
        yield from _plain(_text(part))
    elif name:
        yield Block("paragraph", _labelled("Attachment", name), role="metadata")
