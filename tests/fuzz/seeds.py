"""One small, valid file of every kind, the same on every machine with the same libraries."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import av
import numpy as np
from PIL import ExifTags, Image

from analyzers.image import decoder
from tests.analyzers import files, papers
from tests.fuzz.mutations import ARCHIVES, repacked

SIZE = (96, 64)
RATE = 16_000


@dataclass(frozen=True)
class Seed:
    """A valid file, and what its sender would call it."""

    kind: str
    data: bytes

    @property
    def filename(self) -> str:
        return f"file.{self.kind}"


@cache
def seed(kind: str) -> Seed:
    """Return the valid file of a kind."""
    data = MADE[kind]()
    if kind in ARCHIVES:
        data = repacked(data, lambda name, part: MOMENT.sub(b"2024-02-29T12:30:00Z", part))
    return Seed(kind, BOUNDARY.sub(b"=" * 15 + b"7==", data) if kind == "eml" else data)


MOMENT = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
BOUNDARY = re.compile(rb"={15}\d+==")
"""What libraries write that is never the same twice."""
EXACT = {"fflags": "+bitexact"}


# --- films and sounds -----------------------------------------------------------------------------


def _sound(seconds: float) -> "np.ndarray[Any, np.dtype[np.float32]]":
    time = np.arange(int(RATE * seconds)) / RATE
    tone: np.ndarray[Any, np.dtype[np.float32]] = (0.3 * np.sin(2 * np.pi * 330 * time)).astype(
        np.float32
    )
    return tone


def _film(container: str, pictures: str, sound: str | None) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=EXACT) as target:
        stream: Any = target.add_stream(pictures, rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 5
        track: Any = target.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for number in range(12):
            pixels = np.full((SIZE[1], SIZE[0], 3), 20 * number, np.uint8)
            pixels[10:40, 5 * number : 5 * number + 20] = (200, 30, 90)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        target.mux(stream.encode(None))
        if track is not None:
            _add_sound(target, track, 48_000)
    return out.getvalue()


def _add_sound(target: Any, track: Any, rate: int) -> None:
    frame = av.AudioFrame.from_ndarray(_sound(0.5)[None], "flt", "mono")
    frame.rate = RATE
    form = track.codec_context.format.name
    resampler = av.AudioResampler(form, "mono", rate)
    for resampled in (*resampler.resample(frame), *resampler.resample(None)):
        target.mux(track.encode(resampled))
    target.mux(track.encode(None))


def _recording(container: str, codec: str, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=EXACT) as target:
        track: Any = target.add_stream(codec, rate=rate, layout="mono")
        _add_sound(target, track, rate)
    return out.getvalue()


# --- pictures -------------------------------------------------------------------------------------


def _picture(form: str, frames: int = 1, **options: Any) -> bytes:
    decoder.load()
    image = files.lettered(SIZE, [(4, 20, 16, "Pier 7")])
    if form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        options["exif"] = _exif()
    if frames > 1:
        options |= {"save_all": True, "append_images": [image.rotate(90 * n) for n in range(1, 3)]}
    return files.encoded(image, form, **options)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.DateTimeOriginal] = "2024:02:29 12:30:00"
    camera[ExifTags.Base.ExposureTime] = 0.01
    return exif


# --- documents ------------------------------------------------------------------------------------

WORDS = "Der Kran wurde im Frühjahr repariert und läuft seitdem jeden Tag ohne Pause."
MARKDOWN = f"# Titel\n\n{WORDS}\n\n- eins\n- *zwei*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> q\n"
HTML = (
    f"<!doctype html><html><head><meta charset=utf-8><title>t</title></head><body><h1>Titel</h1>"
    f"<p>{WORDS}<a href='x'>y</a></p><ul><li>eins<ul><li>zwei</ul></ul><table><tr><th>a<td>b"
    "<tr><td>1<td colspan=2>2</table><img alt='z' src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"
)


def _pdf() -> bytes:
    return files.pdf([[(72, 700, 12, WORDS), (72, 650, 20, "Titel")], [(72, 700, 12, "Ende.")]])


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.txt", WORDS * 20)
        archive.writestr("folder/two.txt", WORDS)
    return out.getvalue()


MADE: Mapping[str, Callable[[], bytes]] = {
    "mp4": lambda: _film("mp4", "libx264", "aac"),
    "mov": lambda: _film("mov", "mpeg4", None),
    "mkv": lambda: _film("matroska", "libx264", "aac"),
    "webm": lambda: _film("webm", "libvpx-vp9", "libopus"),
    "avi": lambda: _film("avi", "mpeg4", "libmp3lame"),
    "mp3": lambda: _recording("mp3", "libmp3lame"),
    "wav": lambda: _recording("wav", "pcm_s16le"),
    "flac": lambda: _recording("flac", "flac"),
    "ogg": lambda: _recording("ogg", "libopus", 48_000),
    "m4a": lambda: _recording("ipod", "aac"),
    "aac": lambda: _recording("adts", "aac"),
    "jpeg": lambda: _picture("JPEG"),
    "png": lambda: _picture("PNG"),
    "gif": lambda: _picture("GIF", 3),
    "webp": lambda: _picture("WEBP", 3),
    "tiff": lambda: _picture("TIFF", 3, compression="tiff_lzw"),
    "bmp": lambda: _picture("BMP"),
    "avif": lambda: _picture("AVIF"),
    "heic": lambda: _picture("HEIF"),
    "pdf": _pdf,
    "docx": files.docx,
    "pptx": files.pptx,
    "xlsx": files.xlsx,
    "odt": papers.odt,
    "epub": papers.epub,
    "rtf": lambda: papers.RTF,
    "html": lambda: HTML.encode(),
    "md": lambda: MARKDOWN.encode(),
    "rst": lambda: papers.RST,
    "csv": lambda: b'name,load\nAurora,coal\nBella,"grain, two"\n' * 5,
    "txt": lambda: (WORDS + "\n\n").encode("cp1252") * 5,
    "eml": papers.eml,
    "zip": _zip,
}
KINDS = tuple(MADE)
