"""Sheets of small pictures for a player's seek bar, and the text track that finds them by time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.api import Artifact
from analyzers.video.frames import Picture
from analyzers.video.pieces import Window
from analyzers.video.stills import Shape, jpeg

if TYPE_CHECKING:
    from PIL.Image import Image

TILE = 160
"""Longer side of a small picture."""
COLUMNS, ROWS = 10, 10
TILES = 200
"""About so many for a whole film, if that is not more than one a second."""
KIND = "sprite_"
"""The kind of a sheet ends with the number of its first picture: each has an address."""


def interval(length_s: float) -> float:
    """Return the seconds between two small pictures of a film."""
    return max(1.0, length_s / TILES)


@dataclass
class Sprite:
    """Small pictures at regular times of the film; a piece has those of its own window."""

    every_s: float
    window: Window
    shape: Shape = field(default_factory=Shape)
    _last: int = -1
    _first: int = 0
    _tiles: list["Image"] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    def offer(self, picture: Picture) -> None:
        """Take the first picture of each interval."""
        number = int(picture.time / self.every_s)
        if number == self._last:
            return
        self._last = number
        if self.window.start <= picture.time < self.window.end:
            self._first = self._first if self._tiles else number
            self._tiles.append(self.shape.image(picture.frame, TILE))
            self._times.append(round(picture.time, 3))

    def full(self) -> Iterator[Artifact]:
        """Yield a sheet if one is full."""
        if len(self._tiles) >= COLUMNS * ROWS:
            yield from self.rest()

    def rest(self) -> Iterator[Artifact]:
        """Yield what there is as a sheet, which says where each picture is and from when."""
        from PIL import Image

        if not self._tiles:
            return
        width, height = self._tiles[0].size
        rows = -(-len(self._tiles) // COLUMNS)
        sheet = Image.new("RGB", (min(len(self._tiles), COLUMNS) * width, rows * height))
        for number, tile in enumerate(self._tiles):
            sheet.paste(tile, (number % COLUMNS * width, number // COLUMNS * height))
        metadata = {"tile": [width, height], "columns": COLUMNS, "times": self._times}
        self._tiles, self._times = [], []
        yield Artifact(f"{KIND}{self._first}", "image/jpeg", jpeg(sheet), None, metadata)


def sprite_vtt(sheets: Sequence[Artifact], end: float) -> Artifact:
    """Return WebVTT whose cues name a sheet, beside the track itself, and a tile by #xywh."""
    ordered = sorted(sheets, key=lambda sheet: float(sheet.metadata["times"][0]))
    cues = [cue for sheet in ordered for cue in _cues(sheet)]
    ends = [start for start, _ in cues[1:]] + [end]
    body = "WEBVTT\n" + "".join(
        f"\n{_time(start)} --> {_time(max(stop, start + 0.001))}\n{target}\n"
        for (start, target), stop in zip(cues, ends, strict=True)
    )
    return Artifact("sprite_vtt", "text/vtt", body.encode(), None, {"sheets": len(sheets)})


def _cues(sheet: Artifact) -> Iterator[tuple[float, str]]:
    width, height = sheet.metadata["tile"]
    for index, time in enumerate(sheet.metadata["times"]):
        row, column = divmod(index, sheet.metadata["columns"])
        yield time, f"{sheet.kind}#xywh={column * width},{row * height},{width},{height}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
