"""Decodes a stream packet by packet, so that a damaged file gives what can still be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analyzers.decoding import decoding
from dataflux.errors import MediaFailed
from schemas.names import Reason


@dataclass(slots=True)
class Damage:
    """What could not be read: packets, frames that are guessed in part, and the end of a stream."""

    packets: int = 0
    frames: int = 0
    cut_short: bool = False

    def facts(self, since: "Damage | None" = None) -> dict[str, Any]:
        """Return what there is of it, or what has come since; nothing of a sound file."""
        before = since or Damage()
        found = {
            "packets": self.packets - before.packets,
            "frames": self.frames - before.frames,
            "cut_short": self.cut_short,
        }
        return {name: value for name, value in found.items() if value}


def decoded(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    """Yield the frames of a stream; raise MediaFailed if it has data, and none can be decoded."""
    found = False
    with decoding(stream.type):
        for packet in _packets(container, stream, damage):
            for frame in _frames(packet, damage):
                found = True
                damage.frames += bool(frame.is_corrupt)
                yield frame
    if not found and damage.facts():
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"none of its {stream.type} can be decoded")


def _packets(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    import av

    try:
        yield from container.demux(stream)
    except (av.error.InvalidDataError, av.error.EOFError):
        damage.cut_short = True


def _frames(packet: Any, damage: Damage) -> list[Any]:
    import av

    try:
        found: list[Any] = packet.decode()
    except (av.error.InvalidDataError, av.error.EOFError):
        damage.packets += 1
        return []
    return found
