"""Scenes from how a film is compressed: most encoders put a key frame where a scene begins.

Key frames are decoded, and compared with the one before. A difference is a cut if the encoder chose
the place and all is calm around it. If it only had to put one there, or if packets swell for a
while, as they do in a dissolve, or shrink, as in a fade, what lies around is decoded and looked at
as in any other film. A film whose key frames lie at fixed distances, as those of hardware and of
streaming do, tells nothing this way.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from math import inf
from statistics import median
from typing import Any

from analyzers import containers
from analyzers.packets import Damage
from analyzers.video import cuts
from analyzers.video.changes import Change
from analyzers.video.frames import Picture, measured, rate_of
from analyzers.video.pieces import indexed_keys
from analyzers.video.samples import Sampler, difference
from dataflux.errors import MediaFailed
from schemas.names import Reason

FEWEST = 4
"""Key frames that say whether their distances are fixed."""
FIXED = 0.9
"""If so large a share of the distances is the longest one, nobody has chosen them."""
SLACK = 1.5
"""Pictures by which a distance may differ from the longest and still be it."""
SWELL, SAG, SWELL_S = 2.0, 4.0, 0.4
"""A group swells if its packets are so many times as large as usual for so long; it sags if they
are so many times smaller."""
SPIKE = 0.5
"""So large a share of its key frame a packet has that may hold a new scene."""
BUSY = 0.4
"""If the mean of its packets is so large a share of its key frame, all of it is in motion."""


def longest_step(container: Any, stream: Any, length_s: float) -> float | None:
    """Return the longest distance of key frames in seconds; None if nobody has chosen their places.

    The index of a film says where they are; without one its packets are read, which takes a
    hundredth of decoding it.
    """
    times = [float(at * stream.time_base) for at in indexed_keys(container, stream, length_s)]
    if not times:
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
    """Yield the key frames from `start` to the first after `end`, and what is doubtful after them.

    `group` counts the runs of pictures with no gap; of each the first says whether a scene begins.
    """
    reader = _Reader(stream, containers.origin(stream), longest, damage)
    if start > 0:
        place = round((start + reader.origin) / stream.time_base)
        container.seek(place, stream=stream, backward=True)
    before: _Group | None = None
    group: _Group | None = None
    for after in reader.keyed(_groups(container, stream, damage)):
        if group is not None:
            yield from reader.shown(before, group, after)
        before, group = group, after
        if after.key.time >= end:
            break
    if group is not None:
        yield from reader.shown(before, group, None)
    elif damage.packets:
        raise MediaFailed(Reason.CORRUPT_MEDIA, "none of its key frames can be decoded")


def marked(seen: Iterator[Picture]) -> cuts.Marked:
    """Yield every picture with what happens there."""
    for _, run in groupby(seen, lambda picture: picture.group):
        for number, (picture, change) in enumerate(cuts.scenes(*measured(run))):
            if number == 0:
                change = Change.CUT if picture.begins else None
            yield picture, change


class _Group:
    """A key frame and what refers to it."""

    key: Picture
    chosen = False
    """Whether the encoder has put the key frame there because it wanted to."""

    def __init__(self, packets: list[Any], rate: float) -> None:
        self.packets = packets
        self._sizes = sizes = [packet.size for packet in packets[1:]]
        self.width = width = max(2, round(SWELL_S * rate))
        self._sums = [sum(sizes[at : at + width]) for at in range(len(sizes) - width + 1)]
        self._usual = median(self._sums) if self._sums else 0.0

    def swollen(self) -> int:
        """Return the last packet with which it costs more for a while; 0 if there is none.

        A pan costs more all along. One that costs nearly what its key frame does may be a cut:
        encoders keep key frames some distance apart.
        """
        most, key = SWELL * self._usual, SPIKE * self.packets[0].size
        swells = (n + self.width for n, cost in enumerate(self._sums) if cost > most)
        spikes = (n + 1 for n, size in enumerate(self._sizes) if size > key)
        return max((*swells, *spikes), default=0)

    def doubtful_until(self) -> int:
        """Return how many packets are to be decoded to see what swells, and what comes of it."""
        swollen = self.swollen()
        return min(len(self.packets), swollen + 2 * self.width) if swollen else 0

    def settled(self, *, at_end: bool) -> bool:
        """Return whether it costs at one end what it costs elsewhere, and little at all."""
        if len(self._sums) <= self.width:
            return False
        cost = self._sums[-1 if at_end else 0]
        busy = sum(self._sizes) > BUSY * len(self._sizes) * self.packets[0].size
        return not busy and self._usual / SAG <= cost <= SWELL * self._usual


def _groups(container: Any, stream: Any, damage: Damage) -> Iterator[list[Any]]:
    """Yield the packets from one key frame to the next."""
    import av

    group: list[Any] = []
    try:
        for packet in container.demux(stream):
            if packet.is_keyframe and group:
                yield group
                group = []
            if packet.size and (group or packet.is_keyframe):
                group.append(packet)
    except (av.error.InvalidDataError, av.error.EOFError):
        damage.cut_short = True
    if group:
        yield group


class _Reader:
    """Decodes key frames by themselves and, where there is doubt, what lies between two."""

    def __init__(self, stream: Any, origin: float, longest: float, damage: Damage) -> None:
        stream.codec_context.thread_count = 1  # threads would hold frames back
        self._stream, self.origin, self._damage = stream, origin, damage
        self._rate, self._longest = rate_of(stream), longest
        self._sampler = Sampler()
        self._run, self._goes_on = 0, False

    def keyed(self, groups: Iterator[list[Any]]) -> Iterator[_Group]:
        """Yield the groups whose key frames can be decoded."""
        last: Picture | None = None
        for packets in groups:
            (key, *_) = [*self._decoded(packets[:1]), None]
            if key is None:
                continue
            group = _Group(packets, self._rate)
            group.key = key
            group.chosen = (
                last is not None and key.time - last.time < self._longest - SLACK / self._rate
            )
            last = key
            yield group

    def shown(
        self, before: _Group | None, group: _Group, after: _Group | None
    ) -> Iterator[Picture]:
        """Yield the key frame of a group, and what follows as far as there is a doubt."""
        last = group.key
        self._run += not self._goes_on
        last.group = self._run
        yield last
        until = self._doubtful_until(before, group, after)
        end = after.key.time if after is not None else inf
        for picture in self._decoded(group.packets[:until]) if until else ():
            if last.time < picture.time < end:
                last, picture.group = picture, self._run
                yield picture
        self._goes_on = until == len(group.packets)
        if after is not None and self._goes_on:
            self._goes_on = self._doubtful_until(group, after, None) > 0
        if after is not None and not self._goes_on:
            after.key.begins = (
                after.chosen and difference(last.small, after.key.small) >= cuts.SLIGHT
            )

    def _doubtful_until(self, before: _Group | None, group: _Group, after: _Group | None) -> int:
        """Return how many packets of a group are to be decoded: 0 if there is no doubt."""
        if after is not None and _doubtful(group, after):
            return len(group.packets)
        head = before is not None and _doubtful(before, group)
        return max(group.doubtful_until(), min(3 * group.width, len(group.packets)) if head else 0)

    def _decoded(self, packets: list[Any]) -> Iterator[Picture]:
        """Yield the pictures of some packets, by themselves: the first is a key frame."""
        codec, base = self._stream.codec_context, float(self._stream.time_base)
        for packet in [*packets, None]:
            for frame in _frames(codec, packet, self._damage):
                if frame.pts is not None:
                    time, shown = frame.pts * base - self.origin, (frame.duration or 0) * base
                    yield Picture(time, self._sampler.of(frame), frame, shown_s=shown)
        codec.flush_buffers()


def _doubtful(one: _Group, two: _Group) -> bool:
    """Return whether something happens between two groups that is perhaps no cut at the second."""
    if difference(one.key.small, two.key.small) < cuts.SLIGHT:
        return False
    dark = min(one.key.light, two.key.light) < cuts.BLACK
    return not two.chosen or dark or not one.settled(at_end=True) or not two.settled(at_end=False)


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
