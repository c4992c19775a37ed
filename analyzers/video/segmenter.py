"""Videos: scenes with the frame that stands for each, a scrub sprite, and what is said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar

from analyzers import containers
from analyzers.api import AnalyzerSpec, Artifact, BaseAnalyzer, Range, Segment
from analyzers.audio import voice
from analyzers.audio.segmenter import AudioSegmenter, check, facts, limit
from analyzers.audio.sound import first_track
from analyzers.audio.timeline import Timeline
from analyzers.decoding import Limits
from analyzers.video import stills
from analyzers.video.cuts import CHANGE, scenes
from analyzers.video.frames import Picture, pictures
from analyzers.video.pieces import gop_ranges
from analyzers.video.sprites import sprite_vtt
from dataflux.errors import MediaFailed
from schemas.names import Reason

CODECS = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores"}
) | {"libdav1d", "libvpx-vp9", "libvpx", "ffv1", "theora", "h263"}
LONGEST_S = 4 * 3600
MOST_PIXELS = 7680 * 4320
MOST_FPS = 240
SPRITE_TILES = 200
EDGE = "edge"
"""Where a scene keeps the tiny first and last picture until its neighbours are joined to it."""


class VideoSegmenter(BaseAnalyzer):
    """Decodes each picture once; the sound of the whole film is read with the first piece."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        "video",
        "1",
        formats=("video/mp4", "video/quicktime", "video/x-matroska", "video/webm"),
        emits=("visual", "audio", "technical"),
        model=voice.MODEL,
    )

    def load(self) -> None:
        AudioSegmenter().load()
        stills.load()

    def validate_file(self, file: BinaryIO) -> bool:
        with containers.opened(file) as container:
            check(container, LONGEST_S)
            stream = _stream(container)
            codec = stream.codec_context
            if codec.name not in CODECS:
                raise MediaFailed(Reason.UNSUPPORTED_CODEC, codec.name)
            if codec.width * codec.height > MOST_PIXELS:
                raise limit("pixels", codec.width * codec.height, MOST_PIXELS)
            if float(stream.average_rate or 0) > MOST_FPS:
                raise limit("fps", float(stream.average_rate), MOST_FPS)
        return True

    def get_metadata(self, file: BinaryIO) -> dict[str, Any]:
        with containers.opened(file) as container:
            return _facts(container)

    def plan_pieces(self, file: BinaryIO, config: Mapping[str, Any]) -> list[Range]:
        with containers.opened(file) as container:
            return gop_ranges(container, _stream(container))

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        piece: Range | None = config.get("piece")
        found = 0
        for item in self._all(file, piece):
            found += isinstance(item, Segment)
            Limits.of(config).hold("segments", found)
            yield item

    def _all(self, file: BinaryIO, piece: Range | None) -> Iterator[Segment | Artifact]:
        with containers.opened(file) as container:
            yield from _scenes(container, piece)
        if piece is None or piece.start == 0:
            with containers.opened(file) as container:
                yield from _sound(container)

    def stitch(self, parts: Sequence[Sequence[Segment]]) -> list[Segment]:
        """Join the scene that a piece ends with to the one the next begins with, if they go on."""
        joined: list[Segment] = []
        others: list[Segment] = []
        for part in parts:
            cut = [s for s in part if s.type == "scene"]
            others += [s for s in part if s.type != "scene"]
            if joined and cut and _goes_on(joined[-1], cut[0]):
                joined[-1].end_marker = cut[0].end_marker
                joined[-1].features["visual"][EDGE]["last"] = cut[0].features["visual"][EDGE][
                    "last"
                ]
                cut = cut[1:]
            joined += cut
        for scene in joined:
            scene.features["visual"].pop(EDGE, None)
        return sorted(joined + others, key=lambda s: (s.start_marker["time"], s.type != "scene"))

    def stitch_artifacts(
        self, segments: Sequence[Segment], artifacts: Sequence[Artifact]
    ) -> list[Artifact]:
        sheets = [a for a in artifacts if a.kind == "sprite"]
        return [sprite_vtt(sheets)] if sheets else []


def _stream(container: Any) -> Any:
    streams = containers.streams_of(container, "video")
    if not streams:
        raise MediaFailed(Reason.NO_DECODABLE_STREAM, "no picture and no sound that can be read")
    return streams[0]


def _facts(container: Any) -> dict[str, Any]:
    stream = _stream(container)
    codec = stream.codec_context
    found: dict[str, Any] = {
        "container": container.format.name,
        "codec": codec.name,
        "width": codec.width,
        "height": codec.height,
        "pixel_format": codec.format.name if codec.format else None,
        "fps": round(float(stream.average_rate or 0), 3),
        "duration_s": round(containers.seconds(container), 3),
        "bit_rate": int(container.bit_rate or 0),
    }
    if containers.streams_of(container, "audio"):
        found["audio"] = {k: facts(container)[k] for k in ("codec", "rate", "channels")}
    return found


def _scenes(container: Any, piece: Range | None) -> Iterator[Segment | Artifact]:
    stream = _stream(container)
    every_s = max(1.0, containers.seconds(container) / SPRITE_TILES)
    scene: _Scene | None = None
    sprite: stills.Sprite | None = None
    technical = _facts(container)
    for picture, begins in scenes(pictures(container, stream, piece)):
        if sprite is None:
            sprite = stills.Sprite(every_s, round(picture.frame.rotation or 0))
        sprite.offer(picture)
        if begins and scene is not None:
            yield from scene.close(picture.time, technical)
        if begins or scene is None:
            scene = _Scene(picture, sprite.rotation)
        scene.offer(picture)
    if scene is None or sprite is None:
        raise MediaFailed(Reason.EMPTY_MEDIA, "no picture could be decoded")
    yield from scene.close(scene.end(), technical)
    if (sheet := sprite.artifact()) is not None:
        yield sheet


class _Scene:
    """One scene while its pictures go by."""

    def __init__(self, first: Picture, rotation: int) -> None:
        self._first, self._last, self._before = first, first, first
        self._rotation = rotation
        self._candidate = stills.Candidate()

    def offer(self, picture: Picture) -> None:
        self._before, self._last = self._last, picture
        self._candidate.offer(picture, self._first.time)

    def end(self) -> float:
        """Return when the last picture ends: it is shown as long as the one before it."""
        return self._last.time + max(0.0, self._last.time - self._before.time)

    def close(self, end: float, technical: dict[str, Any]) -> Iterator[Segment | Artifact]:
        key = f"scene@{self._first.time:.3f}"
        chosen = self._candidate.picture or self._first
        artifacts, hashed = stills.stills(chosen, key, self._rotation)
        edge = {"first": _tiny(self._first), "last": _tiny(self._last)}
        yield Segment(
            "scene",
            {"time": round(self._first.time, 3)},
            {"time": round(end, 3)},
            key=key,
            features={
                "visual": {"phash": {"hex": hashed}, EDGE: edge},
                "technical": {"video": technical},
            },
        )
        yield from artifacts


def _tiny(picture: Picture) -> list[int]:
    """Return 16 by 9 pixels of brightness: enough to tell whether two pictures are one scene's."""
    luma = picture.small[: 64 * 36].reshape(9, 4, 16, 4).mean(axis=(1, 3))
    return [int(value) for value in luma.reshape(-1)]


def _goes_on(before: Segment, after: Segment) -> bool:
    last = before.features["visual"][EDGE]["last"]
    first = after.features["visual"][EDGE]["first"]
    change = sum(abs(a - b) for a, b in zip(last, first, strict=True)) / len(last) / 255
    return bool(change < CHANGE)


def _sound(container: Any) -> Iterator[Segment | Artifact]:
    track = first_track(container)
    if track is None:
        return
    timeline = Timeline(track)
    for item in timeline.segments():
        if isinstance(item, Artifact) or item.type == "utterance":
            yield item
    loudness = track.loudness.facts()
    if timeline.length_s:
        yield Artifact("waveform", "application/json", _json(timeline.waveform()))
    if loudness:
        yield Artifact("loudness", "application/json", _json(loudness))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
