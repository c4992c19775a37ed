"""The pictures of one piece of a film, as they are read, checked and let go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from analyzers.audio.segmenter import limit
from analyzers.packets import Damage
from analyzers.video import compressed, frames
from analyzers.video.facts import LONGEST_S, MOST_PIXELS, Film
from analyzers.video.frames import Picture
from analyzers.video.kept import Keeper
from analyzers.video.pieces import Window
from analyzers.video.samples import Sampler
from analyzers.video.stills import still_of
from dataflux.errors import MediaFailed
from schemas.names import Reason

EVERY_S = 0.25
"""How often a frame is looked at: less than the shortest scene."""
MISSING_S = 1.0
"""A film that ends so much earlier than it claims, and than two of its pictures are shown, has been
cut short."""


@dataclass(frozen=True, slots=True)
class Reel:
    """A film that is open, and the window of it that is looked at."""

    container: Any
    stream: Any
    film: Film
    window: Window
    keeper: Keeper | None
    """None if only scenes are looked for."""
    damage: Damage

    def pictures(self) -> Iterator[Picture]:
        """Yield every picture that is decoded."""
        bounds = self.window.read_from, self.window.read_until
        return self._whole(frames.pictures(self.container, self.stream, *bounds, self.damage))

    def key_frames(self, longest: float) -> Iterator[Picture]:
        """Yield key frames, and what lies between two of them where that is in doubt."""
        bounds = self.window.read_from, self.window.read_until
        return self._whole(
            compressed.pictures(self.container, self.stream, *bounds, longest, self.damage)
        )

    def looked_at(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Take stills, show all to those who make something of them, and let go of the frames.

        A second of frames is much memory.
        """
        sampler, due = Sampler(), 0.0
        for picture in pictures:
            if self.keeper is not None:
                self.keeper.offer(picture)
                if picture.time >= due:
                    due = picture.time + EVERY_S
                    picture.still = still_of(sampler, picture)
            picture.frame = None
            yield picture

    def _whole(self, read: Iterable[Picture]) -> Iterator[Picture]:
        """Refuse a film without pictures or too long a one, and note one that ends too early."""
        last, step, shown_until = -1.0, 0.0, 0.0
        for picture in read:
            step, last = max(step, picture.time - max(last, self.window.read_from)), picture.time
            shown_until = last + picture.shown_s
            if last > LONGEST_S:
                raise limit("duration", last, LONGEST_S)
            if (pixels := picture.frame.width * picture.frame.height) > MOST_PIXELS:
                raise limit("pixels", pixels, MOST_PIXELS)
            yield picture
        if last < 0:
            raise MediaFailed(Reason.EMPTY_MEDIA, "no picture could be decoded")
        missing = min(self.film.pictures_s, self.window.read_until) - shown_until
        self.damage.cut_short |= missing > max(MISSING_S, 2 * step)
