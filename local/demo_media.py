"""Media for the demo, made here: a film with cuts and captions, pictures, a document, a table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (640, 360)
RATE = 25
SCENE_S = 2.0


@dataclass(frozen=True)
class Shot:
    """One scene of the film: its caption, its ground, and what moves over it."""

    caption: str
    ground: tuple[int, int, int]
    mover: tuple[int, int, int]


SHOTS = (
    Shot("HARBOUR AT DAWN", (28, 52, 110), (240, 180, 90)),
    Shot("FOREST PATH", (30, 110, 45), (90, 60, 30)),
    Shot("RED MARKET", (178, 28, 30), (250, 240, 230)),
    Shot("SNOW SUMMIT", (235, 240, 245), (70, 90, 120)),
)
REPORT = (
    (
        "Tidal Energy Report",
        "This report describes how tidal turbines are moored in estuaries.",
        "Slack water lasts about twenty minutes in the northern channel.",
    ),
    (
        "Maintenance",
        "The copper heat exchanger must be flushed with fresh water every spring.",
        "Divers inspect the mooring chains twice a year.",
    ),
    ("Outlook", "Three further turbines are planned for the southern channel."),
)
TABLE = (
    ("station", "latitude", "species", "count"),
    ("Skomer", "51.74", "puffin", "42513"),
    ("Bass Rock", "56.08", "gannet", "75259"),
    ("Lundy", "51.18", "manx shearwater", "25000"),
)


def make(folder: Path, speech: Path | None) -> list[Path]:
    """Write the demo's media into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[Path], None]] = {
        "film.mp4": _film,
        "sunset.jpg": lambda p: gradient((250, 120, 40), (90, 20, 60)).save(p, quality=90),
        "meadow.jpg": lambda p: gradient((120, 200, 90), (30, 110, 40)).save(p, quality=90),
        "sign.png": lambda p: sign("PLATFORM NINE", "Trains to Edinburgh").save(p),
        "report.pdf": _report,
        "seabirds.csv": _table,
    }
    for name, write in makers.items():
        write(folder / name)
    if speech is not None:
        (folder / "speech.flac").write_bytes(speech.read_bytes())
    return sorted(folder.iterdir())


def _film(path: Path) -> None:
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for shot in SHOTS:
            for number in range(round(SCENE_S * RATE)):
                frame = av.VideoFrame.from_ndarray(np.asarray(_shot(shot, number)), "rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _shot(shot: Shot, number: int) -> "Image":
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", SIZE, shot.ground)
    draw = ImageDraw.Draw(image)
    across = 40 + 6 * number
    draw.ellipse((across, 90, across + 110, 200), fill=shot.mover)
    dark = sum(shot.ground) < 380
    font = ImageFont.load_default(36)
    draw.text((40, 280), shot.caption, fill="white" if dark else "black", font=font)
    return image


def gradient(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> "Image":
    """Return a picture that goes from one colour to another, with a little grain."""
    import numpy as np
    from PIL import Image

    width, height = 480, 320
    share = np.linspace(0, 1, height)[:, None, None]
    rows = np.array(top) * (1 - share) + np.array(bottom) * share
    grain = np.random.default_rng([*top, *bottom]).integers(-6, 7, (height, width, 1))
    return Image.fromarray(np.clip(np.rint(rows) + grain, 0, 255).astype(np.uint8))


def sign(*lines: str) -> "Image":
    """Return a picture of a sign."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (800, 500), (225, 225, 220))
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 90, 740, 400), fill=(20, 40, 120))
    for number, line in enumerate(lines):
        font = ImageFont.load_default(58 if number == 0 else 36)
        draw.text((110, 150 + 110 * number), line, fill="white", font=font)
    return image


def _report(path: Path) -> None:
    path.write_bytes(pdf(REPORT))


def _table(path: Path) -> None:
    path.write_text("".join(",".join(row) + "\n" for row in TABLE))


def pdf(pages: tuple[tuple[str, ...], ...]) -> bytes:
    """Return a PDF with a text layer: on each page a heading and lines."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    kids = []
    for heading, *lines in pages:
        stream = f"BT /F1 26 Tf 72 740 Td ({heading}) Tj ET\n".encode()
        for number, line in enumerate(lines):
            stream += f"BT /F1 12 Tf 72 {690 - 40 * number} Td ({line}) Tj ET\n".encode()
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
            b"/Resources<</Font<</F1 %s>>>>>>" % (len(objects), font)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    return _assembled(objects)


def _assembled(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1) + table + end
