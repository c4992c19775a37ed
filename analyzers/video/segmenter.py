"""Videos: scenes with the frame that stands for each, sprite sheets, and what is said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO

from analyzers import containers
from analyzers.api import AnalyzerSpec, Artifact, BaseAnalyzer, Cost, Range, Segment
from analyzers.audio import voice
from analyzers.audio.segmenter import AudioSegmenter
from analyzers.audio.sound import first_track
from analyzers.audio.timeline import Timeline
from analyzers.decoding import Limits
from analyzers.encryption import refuse_encrypted
from analyzers.packets import Damage
from analyzers.proxy import join, wanted
from analyzers.proxy import pictures as proxy_pictures
from analyzers.proxy.pictures import PictureProxy
from analyzers.proxy.sound import SoundProxy
from analyzers.video import compressed, cuts, key_frames, scenes, stills
from analyzers.video.changes import Change
from analyzers.video.cuts import Marked
from analyzers.video.facts import Film, check_film, film_of, stream_of
from analyzers.video.frames import measured, rate_of
from analyzers.video.kept import Kept
from analyzers.video.modes import Mode, apply
from analyzers.video.pieces import Window, planned
from analyzers.video.reel import Reel
from analyzers.video.sprites import KIND, Sprite, interval, sprite_vtt
from dataflux.errors import MediaFailed

HEARD = ("utterance", "music")
"""What is told of the sound of a film; the rest of it is heard under its scenes."""


class VideoSegmenter(BaseAnalyzer):
    """Decodes each picture once; the sound is a piece of its own, beside those of the pictures."""

    spec = AnalyzerSpec(
        "video",
        "1",
        formats=("video/mp4", "video/quicktime", "video/x-matroska", "video/webm"),
        emits=("visual", "audio", "technical"),
        cost=Cost(0.15, "second"),
        model=voice.MODEL,
    )

    def load(self) -> None:
        AudioSegmenter().load()
        stills.load()
        proxy_pictures.load()

    def validate_file(self, file: BinaryIO) -> bool:
        refuse_encrypted(file)
        with containers.opened(file) as container:
            check_film(container)
        return True

    def get_metadata(self, file: BinaryIO) -> dict[str, Any]:
        return film_of(file).facts

    def plan_pieces(self, file: BinaryIO, config: Mapping[str, Any]) -> list[Range]:
        with containers.opened(file) as container:
            return planned(container, stream_of(container))

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        piece: Range | None = config.get("piece")
        found = 0
        for item in self._all(file, piece, config):
            found += isinstance(item, Segment)
            Limits.of(config).hold("segments", found)
            yield item

    def _all(
        self, file: BinaryIO, piece: Range | None, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        film = film_of(file)
        if film.facts["has_audio"] and (piece is None or piece.unit == "sound"):
            proxy = SoundProxy() if wanted.film(film.facts, config) else None
            with containers.opened(file) as container:
                yield from _sound(container, proxy)
        if piece is None or piece.unit == "time":
            with containers.opened(file) as container:
                yield from self._scenes(container, film, Window.of(piece), config)

    def marked(self, reel: Reel, config: Mapping[str, Any]) -> tuple[str, Marked]:
        """Return how scenes are looked for, and every picture with what happens there."""
        mode, longest = Mode.of(config, reel.film.length_s), None
        if mode is Mode.COMPRESSED:
            longest = compressed.longest_step(reel.container, reel.stream, reel.film.length_s)
            mode = mode if longest else Mode.FAST
        apply(mode, reel.stream)
        if longest:
            return mode, compressed.marked(reel.looked_at(reel.key_frames(longest)))
        seen = reel.looked_at(reel.pictures())
        rated = (seen, rate_of(reel.stream)) if mode is Mode.EXACT else measured(seen)
        return mode, cuts.scenes(*rated)

    def changes(self, file: BinaryIO, config: Mapping[str, Any]) -> Iterator[tuple[float, Change]]:
        """Yield when something happens and what: no stills, no sheets, no sound.

        `config` is that of `extract_segments`.
        """
        film, window = film_of(file), Window.of(config.get("piece"))
        with containers.opened(file) as container:
            reel = Reel(container, stream_of(container), film, window, None, Damage())
            for picture, change in self.marked(reel, config)[1]:
                if change is not None and window.start <= picture.time < window.end:
                    yield picture.time, change

    def _scenes(
        self, container: Any, film: Film, window: Window, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        kept, damage = _kept(film, window, config), Damage()
        noted = key_frames.Noted(container, stream_of(container), window)
        reel = Reel(noted, noted.stream, film, window, kept, damage)
        mode, marked = self.marked(reel, config)
        told, first = Damage(), True
        facts = film.facts | {"playable": wanted.playable(film.facts, config.get("mime_type", ""))}
        whole = {"video": facts | {"scenes": mode}}
        if film.capture:
            whole["capture"] = film.capture
        for scene in scenes.found(
            marked, window, lambda: 0 if damage.cut_short else film.pictures_s
        ):
            technical: dict[str, Any] = dict(whole) if first else {}
            if new := damage.facts(since=told):
                technical["damage"], told = new, replace(damage)
            first = False
            yield from scenes.segment_of(scene, film.shape, technical)
            yield from kept.full()
        yield from kept.rest()
        yield noted.artifact()

    def stitch(self, parts: Sequence[Sequence[Segment]]) -> list[Segment]:
        """Join the scene that a piece ends with to the one the next begins with, if they go on."""
        film = scenes.joined([s for s in part if s.type == "scene"] for part in parts)
        others = [s for s in chain.from_iterable(parts) if s.type != "scene"]
        return sorted(film + others, key=lambda s: (s.start_marker["time"], s.type != "scene"))

    def stitch_artifacts(
        self, segments: Sequence[Segment], artifacts: Sequence[Artifact]
    ) -> list[Artifact]:
        sheets = [a for a in artifacts if a.kind.startswith(KIND)]
        end = max((s.end_marker["time"] for s in segments), default=0.0)
        whole = join.joined(artifacts, end, "video/webm", instead=not _playable(segments))
        seek_bar = [sprite_vtt(sheets, end)] if sheets else []
        return [*seek_bar, *whole, *key_frames.joined(artifacts)]


def _playable(segments: Sequence[Segment]) -> bool:
    told = (s.features.get("technical", {}).get("video", {}) for s in segments)
    return any(facts.get("playable") for facts in told)


def _kept(film: Film, window: Window, config: Mapping[str, Any]) -> Kept:
    """Return what is made of the pictures as they go by: of key frames alone no proxy."""
    sprite = Sprite(interval(film.length_s), window, film.shape)
    if Mode.of(config, film.length_s) is Mode.COMPRESSED or not wanted.film(film.facts, config):
        return Kept((sprite,))
    return Kept((sprite, PictureProxy(film.shape, window)))


def _sound(container: Any, proxy: SoundProxy | None) -> Iterator[Segment | Artifact]:
    """Yield what is said in a film; sound that cannot be read does not spoil the pictures."""
    track = first_track(container, against=stream_of(container))
    if track is None:
        return
    track.proxy = proxy
    timeline = Timeline(track)
    facts: dict[str, Any] = {}
    try:
        for item in timeline.segments():
            if isinstance(item, Artifact) or item.type in HEARD:
                yield item
    except MediaFailed as error:
        facts["failed"] = error.reason
    facts |= track.loudness.facts() | {"damage": track.damage.facts()}
    yield Artifact("loudness", "application/json", _json(facts))
    if timeline.length_s:
        yield Artifact("waveform", "application/json", _json(timeline.waveform()))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
