"""Sound recordings: utterances, other sounds, silence, loudness and a waveform."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from analyzers import capture, containers
from analyzers.api import AnalyzerSpec, Artifact, BaseAnalyzer, Cost, Segment
from analyzers.audio import voice
from analyzers.audio.sound import LONGEST_S, first_track
from analyzers.audio.timeline import Timeline, flac
from analyzers.decoding import Limits
from analyzers.encryption import refuse_encrypted
from analyzers.proxy import join, wanted
from analyzers.proxy import sound as proxy_sound
from analyzers.proxy.sound import SoundProxy
from dataflux.errors import MediaFailed
from schemas.names import Reason

MOST_STREAMS = 32
MOST_CHANNELS = 32
MOST_RATE = 768_000
MOST_TAGS = 64 << 20
"""Bytes of tags before the sound: pictures of the cover, mostly."""


class AudioSegmenter(BaseAnalyzer):
    """Cuts a recording into who speaks when; the recording itself is the first segment."""

    spec = AnalyzerSpec(
        "audio",
        "1",
        formats=(
            "audio/flac",
            "audio/wav",
            "audio/mpeg",
            "audio/aac",
            "audio/mp4",
            "audio/ogg",
            "audio/webm",
            "audio/x-matroska",
        ),
        emits=("audio", "technical"),
        model=voice.MODEL,
        cost=Cost(0.01, "second"),
    )

    def load(self) -> None:
        import numpy as np

        containers.load()
        proxy_sound.load()
        voice.VoiceActivity().feed(np.zeros(voice.WINDOW, np.float32))
        flac(np.zeros(voice.WINDOW, np.float32))

    def validate_file(self, file: BinaryIO) -> bool:
        _check_tags(file)
        refuse_encrypted(file)
        with containers.opened(file) as container:
            check(container, LONGEST_S)
            track = _track(container)
            if track.channels > MOST_CHANNELS:
                raise limit("channels", track.channels, MOST_CHANNELS)
            if track.sample_rate > MOST_RATE:
                raise limit("rate", track.sample_rate, MOST_RATE)
        return True

    def get_metadata(self, file: BinaryIO) -> dict[str, Any]:
        with containers.opened(file) as container:
            return facts(container)

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        with containers.opened(file) as container:
            track = first_track(container)
            if track is None:
                raise MediaFailed(Reason.NO_DECODABLE_STREAM, "no sound track")
            technical, taken = facts(container), capture.of_container(container.metadata)
            track.proxy = SoundProxy() if wanted.sound(technical, config) else None
            timeline = Timeline(track)
            found = 0
            for item in timeline.segments():
                found += isinstance(item, Segment)
                Limits.of(config).hold("segments", found)
                if isinstance(item, Segment):
                    item.parent = "recording"
                yield item
            if not timeline.length_s:
                raise MediaFailed(Reason.EMPTY_MEDIA, "the sound track has no samples")
            if damage := track.damage.facts():
                technical["damage"] = damage
            recording = self._recording(timeline, technical, track.loudness.facts())
            if taken:
                recording.features["technical"]["capture"] = taken
            yield recording
            yield Artifact("waveform", "application/json", _json(timeline.waveform()))

    @staticmethod
    def _recording(
        timeline: Timeline, technical: dict[str, Any], loudness: dict[str, float]
    ) -> Segment:
        return Segment(
            "recording",
            {"time": 0.0},
            {"time": round(timeline.length_s, 3)},
            key="recording",
            features={"technical": {"audio": technical}, "audio": {"loudness": loudness}},
        )

    def stitch(self, parts: Any) -> list[Segment]:
        """Put the recording first and what is in it in the order of time."""
        segments = [segment for part in parts for segment in part]
        return sorted(segments, key=lambda s: (s.parent is not None, s.start_marker["time"]))

    def stitch_artifacts(
        self, segments: Sequence[Segment], artifacts: Sequence[Artifact]
    ) -> list[Artifact]:
        end = max((s.end_marker["time"] for s in segments), default=0.0)
        return join.joined(artifacts, end, "audio/webm", instead=False)


def _check_tags(file: BinaryIO) -> None:
    """Refuse an ID3 tag that is larger than any cover needs: it would be read into memory."""
    file.seek(0)
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10 and (size := _synchsafe(head)) > MOST_TAGS:
        raise limit("metadata", size, MOST_TAGS)


def _synchsafe(head: bytes) -> int:
    """Return the size of an ID3 tag: four bytes of seven bits."""
    a, b, c, d = (byte & 0x7F for byte in head[6:10])
    return a << 21 | b << 14 | c << 7 | d


def _track(container: Any) -> Any:
    tracks = containers.streams_of(container, "audio")
    if tracks:
        return tracks[0].codec_context
    if any(stream.type == "audio" for stream in container.streams):
        raise MediaFailed(Reason.UNSUPPORTED_CODEC, "its sound is in a codec unknown here")
    raise MediaFailed(Reason.NO_DECODABLE_STREAM, "no sound track")


def check(container: Any, longest_s: float) -> None:
    """Refuse before decoding what claims to be too much."""
    if len(container.streams) > MOST_STREAMS:
        raise limit("streams", len(container.streams), MOST_STREAMS)
    if containers.seconds(container) > longest_s:
        raise limit("duration", containers.seconds(container), longest_s)


def limit(name: str, value: float, most: float) -> MediaFailed:
    return MediaFailed(
        Reason.DECODE_LIMIT_EXCEEDED, f"{name}: {value:.0f}, at most {most:.0f}", limit=name
    )


def facts(container: Any) -> dict[str, Any]:
    """Return the technical facts of a container's sound."""
    (track, *_) = containers.streams_of(container, "audio")
    codec = track.codec_context
    return {
        "container": container.format.name,
        "codec": codec.codec.canonical_name,
        "rate": codec.sample_rate,
        "channels": codec.channels,
        "duration_s": round(containers.seconds(container), 3),
        "bit_rate": int(container.bit_rate or 0),
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
