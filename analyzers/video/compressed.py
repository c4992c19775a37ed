"""Scenes from how a film is compressed: most encoders put a key frame where a scene begins.

Key frames are decoded, and compared with the one before. A difference is a cut if the encoder chose
the place; if it only had to put one there, or if the packets of a group of pictures swell for a
while, as they do in a dissolve, that group is decoded and looked at as others are. A film whose key
frames lie at fixed distances, as those of hardware and of streaming do, tells nothing this way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from statistics import median
from typing import Any

from analyzers import containers
from analyzers.packets import Damage
from analyzers.video import cuts
from analyzers.video.frames import Picture, difference, measured, rate_of, tiny
from dataflux.errors import MediaFailed
from schemas.names import Reason

FEWEST = 4
"""Key frames that say whether their distances are fixed."""
FIXED = 0.9
"""If so large a share of the distances is the longest one, nobody has chosen them."""
SLACK = 1.5
"""Pictures by which a distance may differ from the longest and still be it."""
SWELL, SWELL_S = 2.0, 0.4
"""A group swells if its packets are so many times as large as usual for so long."""


def longest_step(container: Any, stream: Any) -> float | None:
    """Return the longest distance of key frames in seconds; None if nobody has chosen their places.

    Reads the packets of the whole film, which takes a hundredth of decoding it.
    """
    times = [_time(p) for p in container.demux(stream) if p.is_keyframe and p.pts is not None]
    container.seek(0)
    steps = [after - before for before, after in pairwise(sorted(times))]
    if len(steps) < FEWEST:
        return None
    longest, slack = max(steps), SLACK / rate_of(stream)
    fixed = sum(longest - step <= slack for step in steps) >= FIXED * len(steps)
    return None if fixed else longest


def pictures(
    container: Any, stream: Any, start: float, end: float, longest: float, damage: Damage
) -> Iterator[Picture]:
    """Yield the key frames from `start` to the first after `end`, and all of doubtful groups.

    `group` counts the groups; of each the first picture says whether a scene begins there.
    """
    reader = _Reader(stream, containers.origin(stream), longest, damage)
    if start > 0:
        place = round((start + reader.origin) / stream.time_base)
        container.seek(place, stream=stream, backward=True)
    before: _Group | None = None
    for number, group in enumerate(_groups(container, stream, damage)):
        if (key := reader.key(group)) is None:
            continue
        if before is not None and before.key is not None:
            yield from reader.shown(before, key, number)
        group.key = key
        before = group
        if key.time >= end:
            break
    if before is not None and before.key is not None:
        yield before.key
    elif damage.packets:
        raise MediaFailed(Reason.CORRUPT_MEDIA, "none of its key frames can be decoded")


def marked(seen: Iterator[Picture]) -> Iterator[tuple[Picture, bool]]:
    """Yield every picture with whether it begins a scene."""
    for _, group in groupby(seen, lambda picture: picture.group):
        for number, (picture, begins) in enumerate(cuts.scenes(*measured(group))):
            yield picture, picture.begins if number == 0 else begins


@dataclass(slots=True)
class _Group:
    """A key frame and what refers to it."""

    packets: list[Any] = field(default_factory=list)
    key: Picture | None = None

    def swells(self, rate: float) -> bool:
        """Return whether the pictures in it cost more for a while: a pan costs more all along."""
        sizes = [packet.size for packet in self.packets[1:]]
        width = max(2, round(SWELL_S * rate))
        if len(sizes) < 2 * width:
            return False
        sums = [sum(sizes[at : at + width]) for at in range(len(sizes) - width + 1)]
        return bool(max(sums) > SWELL * median(sums))


def _groups(container: Any, stream: Any, damage: Damage) -> Iterator[_Group]:
    import av

    group = _Group()
    try:
        for packet in container.demux(stream):
            if packet.is_keyframe and group.packets:
                yield group
                group = _Group()
            if packet.size and (group.packets or packet.is_keyframe):
                group.packets.append(packet)
    except (av.error.InvalidDataError, av.error.EOFError):
        damage.cut_short = True
    if group.packets:
        yield group


class _Reader:
    """Decodes key frames by themselves and, where there is doubt, what lies between two."""

    def __init__(self, stream: Any, origin: float, longest: float, damage: Damage) -> None:
        from av.video.reformatter import VideoReformatter

        stream.codec_context.thread_count = 1  # threads would hold frames back
        self._stream, self.origin, self._damage = stream, origin, damage
        self._rate, self._longest = rate_of(stream), longest
        self._scaler = VideoReformatter()
        self._last: Picture | None = None

    def key(self, group: _Group) -> Picture | None:
        """Return the key frame of a group, with whether a scene begins there."""
        (key, *_) = [*self._decoded(group.packets[:1]), None]
        if key is None:
            return None
        key.begins = self._last is None or self._is_cut(self._last, key)
        self._last = key
        return key

    def shown(self, group: _Group, following: Picture, number: int) -> Iterator[Picture]:
        """Yield the key frame of a group, and the rest of it if there is a doubt."""
        key = group.key
        assert key is not None
        key.group = number
        yield key
        changes = difference(key.small, following.small) >= cuts.CHANGE and not following.begins
        if not changes and not group.swells(self._rate):
            return
        last = key
        for picture in self._decoded(group.packets):
            if last.time < picture.time < following.time:
                last, picture.group = picture, number
                yield picture
        following.begins |= changes and difference(last.small, following.small) >= cuts.CHANGE

    def _is_cut(self, before: Picture, key: Picture) -> bool:
        distance = key.time - before.time
        chosen = distance < self._longest - SLACK / self._rate
        return chosen and difference(before.small, key.small) >= cuts.CHANGE

    def _decoded(self, packets: list[Any]) -> Iterator[Picture]:
        """Yield the pictures of some packets, by themselves: the first is a key frame."""
        codec, base = self._stream.codec_context, self._stream.time_base
        for packet in [*packets, None]:
            for frame in _frames(codec, packet, self._damage):
                if frame.pts is not None:
                    time, shown = (float(n * base) for n in (frame.pts, frame.duration or 0))
                    small = tiny(self._scaler, frame)
                    yield Picture(time - self.origin, small, frame, shown_s=shown)
        codec.flush_buffers()


def _frames(codec: Any, packet: Any, damage: Damage) -> list[Any]:
    import av

    try:
        found: list[Any] = codec.decode(packet)
    except (av.error.InvalidDataError, av.error.EOFError):
        damage.packets += 1
        return []
    return found


def _time(packet: Any) -> float:
    return float(packet.pts * packet.time_base)
