"""Where a film's key frames lie, noted in the pass that decodes it: later readers jump there."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzers import containers
from analyzers.api import Artifact
from analyzers.video.pieces import Window

KIND, PART = "key_frames", "key_frames_part"
MIME_TYPE = "application/json"


@dataclass
class Noted:
    """An open film that keeps the time, the byte and the size of each key frame that is read."""

    container: Any
    stream: Any
    window: Window
    _found: dict[float, tuple[int | None, int]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.container, name)

    def demux(self, stream: Any) -> Iterator[Any]:
        """Yield the packets of a stream."""
        for packet in self.container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                self._note(packet)
            yield packet

    def artifact(self) -> Artifact:
        """Return what was noted, as `[seconds, byte or null, bytes]` in the order of time."""
        rows = [[time, *self._found[time]] for time in sorted(self._found)]
        return Artifact(PART, MIME_TYPE, _json(rows), None, {"part": True})

    def _note(self, packet: Any) -> None:
        time = float(packet.pts * packet.time_base) - containers.origin(self.stream)
        if self.window.read_from - 1 <= time < self.window.read_until:
            position = packet.pos if packet.pos is not None and packet.pos >= 0 else None
            self._found[round(time, 6)] = position, packet.size


def joined(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return the index of the whole film; pieces overlap, so each key frame is named once."""
    parts = [json.loads(a.data) for a in artifacts if a.kind == PART]
    rows = {row[0]: row for part in parts for row in part}
    if not rows:
        return []
    columns = ["time_s", "byte", "bytes"]
    whole = {"columns": columns, "key_frames": [rows[time] for time in sorted(rows)]}
    return [Artifact(KIND, MIME_TYPE, _json(whole), None, {"key_frames": len(rows)})]


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
