"""Encoded blocks as clusters on a grid of time that all pieces of a film share.

Sound and pictures of one cell of the grid follow each other in the film that is made of them, so
whoever jumps to a picture finds its sound right behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from analyzers.api import Artifact
from analyzers.proxy import webm
from analyzers.proxy.webm import Block

GRID_MS = 4_000
"""Between two places where one can jump to; a jump decodes so much at most."""
KIND = "proxy_part"
MIME_TYPE = "application/octet-stream"
KEPT = 4 << 20
"""Bytes of clusters that become one object: memory does not grow with the length."""


def cell(time_ms: int) -> int:
    """Return the number of the grid's cell that a time lies in."""
    return time_ms // GRID_MS


@dataclass
class Clusters:
    """The clusters of one track within one piece, and the objects they are kept in."""

    track: int
    described: bytes = b""
    """The track as a head names it; known once something has been encoded."""
    _open: list[Block] = field(default_factory=list)
    _full: list[bytes] = field(default_factory=list)
    _places: list[list[int]] = field(default_factory=list)
    _held: int = 0

    def add(self, block: Block) -> None:
        """Take a block; one in the next cell begins a cluster, if it can."""
        if self._open and block.key and cell(block.time_ms) != cell(self._open[0].time_ms):
            self._close()
        self._open.append(block)

    def full(self) -> Iterator[Artifact]:
        """Yield what there is, if it is much."""
        if self._held >= KEPT:
            yield from self._object()

    def rest(self) -> Iterator[Artifact]:
        """Yield all that is left."""
        if self._open:
            self._close()
        if self._full:
            yield from self._object()

    def _close(self) -> None:
        made = webm.cluster(self.track, self._open)
        self._places.append([self._open[0].time_ms, self._held, len(made)])
        self._full.append(made)
        self._held += len(made)
        self._open = []

    def _object(self) -> Iterator[Artifact]:
        metadata: dict[str, Any] = {
            "part": True,
            "track": self.track,
            "described": self.described.hex(),
            "clusters": self._places,
        }
        yield Artifact(KIND, MIME_TYPE, b"".join(self._full), None, metadata)
        self._full, self._places, self._held = [], [], 0
