"""The topics as files of many formats, none of whose names say what is in them."""

import io
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from html import escape

from docx import Document
from PIL import Image, ImageDraw, ImageFont

from bench.relevance.topics import Passage, Topic

File = tuple[str, bytes, list[Passage]]
"""A name, the bytes, and the passages in it."""


def files(topics: Sequence[Topic]) -> Iterator[File]:
    """Yield each topic in one of the formats; as pictures, each passage is a file of its own."""
    for number, topic in enumerate(topics):
        passages = [(topic.name, n) for n in range(1, len(topic.passages) + 1)]
        kinds = [*DOCUMENTS, "png"]
        kind = kinds[number // 2 % len(kinds)]  # so that each half of the topics has every format
        if kind == "png":
            for passage, text in zip(passages, topic.passages, strict=True):
                yield f"{number:02}-{passage[1]}.png", picture(text), [passage]
        else:
            yield f"{number:02}.{kind}", DOCUMENTS[kind](topic.passages), passages


def _markdown(passages: Sequence[str]) -> bytes:
    return "\n\n".join(passages).encode()


def _html(passages: Sequence[str]) -> bytes:
    body = "".join(f"<p>{escape(each)}</p>" for each in passages)
    return f"<html><body><main>{body}</main></body></html>".encode()


def _docx(passages: Sequence[str]) -> bytes:
    document, out = Document(), io.BytesIO()
    for each in passages:
        document.add_paragraph(each)
    document.save(out)
    return out.getvalue()


def _mail(passages: Sequence[str]) -> bytes:
    message = EmailMessage()
    message["Subject"] = "As promised"
    message["From"] = "a@example.org"
    message["Date"] = "Mon, 02 Feb 2026 10:00:00 +0000"
    message.set_content("\n\n".join(passages))
    return message.as_bytes()


DOCUMENTS: dict[str, Callable[[Sequence[str]], bytes]] = {
    "md": _markdown,
    "html": _html,
    "docx": _docx,
    "eml": _mail,
}


def picture(text: str) -> bytes:
    """Return a slide with a text on it, to be read by OCR."""
    image, out = Image.new("RGB", (960, 540), (250, 250, 246)), io.BytesIO()
    font = ImageFont.load_default(30)
    draw, line, y = ImageDraw.Draw(image), "", 60
    for word in [*text.split(), ""]:
        if not word or draw.textlength(f"{line} {word}", font) > 840:
            draw.text((60, y), line, (20, 20, 30), font)
            line, y = word, y + 52
        else:
            line = f"{line} {word}".strip()
    image.save(out, "PNG")
    return out.getvalue()
