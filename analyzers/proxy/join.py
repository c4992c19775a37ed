"""One file of the clusters of all pieces: a head, and the order in which they are read."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzers.api import Artifact
from analyzers.proxy import clusters, webm
from analyzers.proxy.webm import Cue
from dataflux.errors import MediaFailed
from schemas.names import Reason

KIND = "proxy"
MOST_TRACK = 4096
"""Bytes of the description of a track."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster: in which part it lies and where."""

    track: int
    time_ms: int
    part: int
    offset: int
    length: int

    @property
    def order(self) -> tuple[int, int, int]:
        return clusters.cell(self.time_ms), self.track, self.time_ms


def joined(
    artifacts: Sequence[Artifact], end_s: float, mime_type: str, *, instead: bool
) -> list[Artifact]:
    """Return the proxy that the parts of a film make; [] if there is none of them.

    Its object names the ranges that a reader finds behind each other: no cluster is stored twice.
    `instead`: a browser cannot play the original.
    """
    parts = [artifact for artifact in artifacts if artifact.kind == clusters.KIND]
    places = sorted(_places(parts), key=lambda place: place.order)
    if not places:
        return []
    tracks = _tracks(parts)
    size = sum(place.length for place in places)
    head = webm.head(list(tracks.values()), end_s * 1000, _cues(places, min(tracks)), size)
    ranges = [[place.part, place.offset, place.length] for place in places]
    kept = {"head": base64.b64encode(head).decode(), "ranges": ranges}
    facts = {"joined": clusters.KIND, "size": len(head) + size, "instead": instead}
    data = json.dumps(kept, separators=(",", ":")).encode()
    return [Artifact(KIND, mime_type, data, None, facts)]


def _places(parts: Sequence[Artifact]) -> Iterator[Place]:
    for number, part in enumerate(parts):
        for found in part.metadata.get("clusters", ()):
            match found:
                case [int() as time, int() as offset, int() as length] if min(found) >= 0:
                    yield Place(_track(part), time, number, offset, length)
                case _:
                    raise _invalid()


def _tracks(parts: Sequence[Artifact]) -> dict[int, bytes]:
    """Return what each track is, by its number."""
    found = {_track(part): part.metadata.get("described") for part in reversed(parts)}
    for text in found.values():
        if not isinstance(text, str) or len(text) > 2 * MOST_TRACK:
            raise _invalid()
    return {track: bytes.fromhex(str(found[track])) for track in sorted(found)}


def _track(part: Artifact) -> int:
    track = part.metadata.get("track")
    if track not in (webm.PICTURES, webm.SOUND):
        raise _invalid()
    return int(track)


def _cues(places: Sequence[Place], track: int) -> list[Cue]:
    at, found = 0, []
    for place in places:
        if place.track == track:
            found.append(Cue(place.time_ms, track, at))
        at += place.length
    return found


def _invalid() -> MediaFailed:
    return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "a part of a proxy that is none")
