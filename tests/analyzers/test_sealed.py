"""After load() nothing is opened or imported, and broken files raise nothing but MediaFailed."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import ExifTags, Image

from analyzers.image import decoder
from tests.analyzers.files import docx, encoded, lettered, pdf, pptx, xlsx
from tests.analyzers.papers import RST, RTF, eml, epub, odt


def pictures() -> Iterator[tuple[str, bytes]]:
    decoder.load()
    image = lettered((400, 200), [(20, 60, 40, "Sealed words")])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:02:29 12:30:00"
    for name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        yield name, encoded(image, name, exif=exif)
    yield "GIF", encoded(image, "GIF")


def documents() -> Iterator[tuple[str, bytes]]:
    words = "Der Kran wurde im Frühjahr repariert und läuft seitdem jeden Tag."
    yield "application/pdf", pdf([[(72, 700, 12, words)], []])
    yield "", docx()
    yield "", pptx()
    yield "", xlsx()
    yield "", odt()
    yield "", epub()
    yield "", RTF
    yield "", eml()
    yield "text/x-rst", RST
    for mime in ("text/plain", "text/markdown", "text/html", "text/csv"):
        yield mime, f"# Titel\n\n<p>{words}</p>\n\n|a,b|\n|-,-|\n".encode("cp1252") * 3


def run(*alone: str) -> dict[str, Any]:
    """Return how the files ended; `alone` names segmenters to be loaded without anything else."""
    files = [("image", "", data) for _, data in pictures()]
    files += [("document", mime, data) for mime, data in documents()]
    lines = [json.dumps([k, m, base64.b64encode(data).decode()]) for k, m, data in files]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.analyzers.sealed", *alone],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.fixture(scope="module")
def outcome() -> dict[str, Any]:
    return run()


def test_documents_import_nothing_that_only_others_load() -> None:
    assert run("document")["refused"] == []


def test_opens_and_imports_nothing_after_load(outcome: dict[str, Any]) -> None:
    assert outcome["refused"] == []


def test_raises_nothing_but_media_failed(outcome: dict[str, Any]) -> None:
    assert outcome["wrong"] == []


def test_reads_every_friendly_file_and_refuses_many_broken_ones(outcome: dict[str, Any]) -> None:
    assert set(outcome["friendly"]) == {"read"}
    assert outcome["friendly"]["read"] > 300
    assert outcome["all"]["corrupt_media"] > 50
