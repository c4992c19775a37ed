"""Scenes as they are found in a piece, and how those of several pieces become one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzers.api import Artifact, Features, Segment
from analyzers.image.measures import hash_facts, sharpness
from analyzers.video import stills
from analyzers.video.changes import Change
from analyzers.video.cuts import Marked
from analyzers.video.frames import Picture, Still
from analyzers.video.pieces import Window
from analyzers.video.samples import difference
from analyzers.video.stills import Shape

if TYPE_CHECKING:
    from analyzers.video.samples import Planes

BEGINS = "begins"
"""The feature of a scene that does not start a film: with a cut, a dissolve or a fade."""
EDGE = "edge"
"""The feature of a scene that goes on from the piece before; it is gone once they are joined."""
BLENDED_S = 0.2
"""Pictures this near to a cut may still be blended with the other scene."""
MOTION_S = 0.2
"""Motion is the change between two pictures so far apart, whatever the rate."""
BLACK = 24.0
"""Mean level, of 255, of a picture that shows nothing; video black is 16."""
FROZEN = 0.255
"""Change, of 255 levels, of a picture that stands still: -60 dB, as FFmpeg's freezedetect."""
SEAM_S = 1.0


@dataclass(slots=True)
class Scene:
    """One scene while its pictures go by."""

    start: float
    begins: Change | None
    """How it begins; None if it began in the piece before."""
    end: float = 0.0
    best: Still | None = None
    flashes: int = 0
    whip_pans: int = 0
    _pictures: int = 0
    _light: float = 0.0
    _black: int = 0
    _frozen: int = 0
    _moved: float = 0.0
    _compared: int = 0
    _before: "tuple[float, Planes] | None" = None
    _last_shown_s: float = 0.0

    def add(self, picture: Picture, change: Change | None) -> None:
        self.flashes += change is Change.FLASH
        self.whip_pans += change is Change.WHIP_PAN
        step = picture.time - self.end if self._pictures else 0.0
        self._last_shown_s, self.end = picture.shown_s or step, picture.time
        self._pictures += 1
        self._light += picture.light
        self._black += picture.light < BLACK
        self._compare(picture)
        if picture.still is not None and self._worth(picture.still) > self._worth(self.best):
            self.best = picture.still

    def _worth(self, still: Still | None) -> float:
        if still is None:
            return -1.0
        return still.detail * (0.5 if still.time - self.start < BLENDED_S else 1.0)

    def _compare(self, picture: Picture) -> None:
        if self._before is None:
            self._before = picture.time, picture.small
        elif picture.time - self._before[0] >= MOTION_S:
            moved = difference(picture.small, self._before[1])
            self._moved += moved
            self._frozen += moved < FROZEN
            self._compared += 1
            self._before = picture.time, picture.small

    def last_end(self) -> float:
        """Return when the last picture of a film ends: as it says, else after as long a step."""
        return self.end + self._last_shown_s

    def footage(self) -> dict[str, float]:
        """Return light and motion, and which share of it is black or frozen: all of it 0 to 1.

        And how often light flashed or the camera was torn round.
        """
        return {
            "black": round(self._black / self._pictures, 4),
            "frozen": round(self._frozen / max(1, self._compared), 4),
            "brightness": round(self._light / self._pictures / 255, 4),
            "motion": round(self._moved / max(1, self._compared) / 255, 4),
            "flashes": self.flashes,
            "whip_pans": self.whip_pans,
        }


def found(marked: Marked, window: Window, film_end: Callable[[], float]) -> Iterator[Scene]:
    """Yield the scenes of a window, each with its end; the first may have begun before.

    `film_end` is asked once no picture is left.
    """
    scene: Scene | None = None
    for picture, change in marked:
        begins = change is not None and change.begins
        if picture.time < window.start:
            continue
        if scene is not None and (begins or picture.time >= window.end):
            scene.end = picture.time
            yield scene
            scene = None
        if picture.time >= window.end:
            return
        if scene is None:
            scene = Scene(picture.time, change if begins else None, end=picture.time)
        scene.add(picture, change)
    if scene is not None:
        scene.end = max(scene.last_end(), film_end())
        yield scene


def segment_of(scene: Scene, shape: Shape, technical: dict[str, Any]) -> list[Segment | Artifact]:
    """Return a scene as a segment, its key frame and its thumbnail."""
    key = f"scene@{scene.start:.3f}"
    footage = scene.footage() | {"sharpness": 0.0}
    visual: dict[str, Any] = {"footage": footage}
    pictures: list[Artifact] = []
    if scene.best is not None:
        pictures, small = stills.stills(scene.best, key, shape)
        visual |= hash_facts(small)
        footage["sharpness"] = sharpness(small)
    if scene.begins is None:
        visual[EDGE] = {"goes_on": True}
    elif scene.begins is not Change.START:
        visual[BEGINS] = {"with": scene.begins}
    features: Features = {"visual": visual}
    if technical:
        features["technical"] = technical
    start, end = ({"time": round(time, 3)} for time in (scene.start, scene.end))
    return [Segment("scene", start, end, key=key, features=features), *pictures]


def joined(parts: Iterable[list[Segment]]) -> list[Segment]:
    """Return the scenes of all pieces; one that goes on in the next piece is one."""
    whole: list[Segment] = []
    for part in parts:
        for scene in part:
            goes_on = scene.features["visual"].pop(EDGE, None) is not None
            if whole and goes_on and _meet(whole[-1], scene):
                whole[-1] = _one(whole[-1], scene)
            else:
                whole.append(scene)
    for scene in whole[1:]:  # what holds for the film is told once
        for told_once in ("video", "capture"):
            scene.features.get("technical", {}).pop(told_once, None)
    return whole


def _meet(before: Segment, after: Segment) -> bool:
    return bool(abs(before.end_marker["time"] - after.start_marker["time"]) < SEAM_S)


def _one(before: Segment, after: Segment) -> Segment:
    """Join two scenes: the key, and so the stills, are those of the one with the sharper still."""
    sharper = max((before, after), key=lambda s: s.features["visual"]["footage"]["sharpness"])
    footage = [s.features["visual"]["footage"] for s in (before, after)]
    lengths = [s.end_marker["time"] - s.start_marker["time"] for s in (before, after)]
    mean = {
        name: round(_mean([f[name] for f in footage], lengths), 4)
        for name in ("black", "frozen", "brightness", "motion")
    }
    often = {name: footage[0][name] + footage[1][name] for name in ("flashes", "whip_pans")}
    visual = {k: v for k, v in sharper.features["visual"].items() if k != BEGINS}
    visual["footage"] = visual["footage"] | mean | often
    if begins := before.features["visual"].get(BEGINS):
        visual[BEGINS] = begins
    features = {"visual": visual}
    if technical := {**after.features.get("technical", {}), **before.features.get("technical", {})}:
        features["technical"] = technical
    return Segment(
        "scene", before.start_marker, after.end_marker, key=sharper.key, features=features
    )


def _mean(values: list[float], weights: list[float]) -> float:
    total = sum(weights) or 1.0
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total
