"""Damaged, hostile and foreign films: what can be read is read, and the rest has its reason."""

import io

import av
import numpy as np
import pytest

from analyzers.api import Segment
from analyzers.video import facts, pieces
from analyzers.video.segmenter import VideoSegmenter
from dataflux.errors import MediaFailed
from schemas.names import Reason
from tests.analyzers.video.films import film, scenes


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    VideoSegmenter().load()


@pytest.fixture(scope="module")
def film_with_index_first(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    with (
        av.open(io.BytesIO(film(scenes(50, 50, 50, 50)))) as source,
        av.open(str(path), "w", options={"movflags": "+faststart"}) as target,
    ):
        assert isinstance(source, av.container.InputContainer)
        read = source.streams.video[0]
        written = target.add_stream_from_template(read)
        for packet in source.demux(read):
            if packet.dts is not None:
                packet.stream = written
                target.mux(packet)
    return path.read_bytes()


def found(data: bytes, **config: object) -> list[Segment]:
    read = VideoSegmenter().extract_segments(io.BytesIO(data), config)
    return [item for item in read if isinstance(item, Segment) and item.type == "scene"]


def failure(data: bytes) -> MediaFailed:
    with pytest.raises(MediaFailed) as failed:
        VideoSegmenter().validate_file(io.BytesIO(data))
    return failed.value


def test_a_film_cut_short_is_read_as_far_as_it_goes(film_with_index_first: bytes) -> None:
    cut = film_with_index_first[: len(film_with_index_first) * 6 // 10]
    assert VideoSegmenter().validate_file(io.BytesIO(cut))
    *whole, last = found(cut)
    assert whole
    assert 2 < last.end_marker["time"] < 7
    assert last.features["technical"]["damage"]["cut_short"] is True


def test_pieces_beyond_the_end_of_a_film_cut_short(
    film_with_index_first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LENGTH_S", 2.0)
    cut = film_with_index_first[: len(film_with_index_first) * 6 // 10]
    first, *_ = planned = VideoSegmenter().plan_pieces(io.BytesIO(cut), {})
    assert len(planned) > 1
    assert found(cut, piece=first)[0].start_marker["time"] == 0


def test_a_matroska_film_cut_short_says_so() -> None:
    data = film(scenes(50, 50, 50), container="matroska")
    last = found(data[: len(data) * 6 // 10])[-1]
    assert last.features["technical"]["damage"] == {"cut_short": True}


def test_noise_in_the_middle_is_noted_where_it_is(film_with_index_first: bytes) -> None:
    data = bytearray(film_with_index_first)
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    damaged = [s.start_marker["time"] for s in found(bytes(data)) if _damage(s)]
    assert damaged
    assert 0 < damaged[0] < 7


def _damage(segment: Segment) -> object:
    return segment.features.get("technical", {}).get("damage")


def test_nothing_that_can_be_decoded(film_with_index_first: bytes) -> None:
    data = bytearray(film_with_index_first)
    media = data.find(b"mdat") + 4
    data[media:] = bytes(len(data) - media)
    with pytest.raises(MediaFailed) as failed:
        found(bytes(data))
    assert failed.value.reason is Reason.CORRUPT_MEDIA


@pytest.mark.parametrize(
    "data",
    [
        film(scenes(20))[:400],
        b"\0\0\0\x1cftypisom" + bytes(200),
        film(scenes(5), codec="ffv1", container="matroska")[:100],
    ],
)
def test_no_film_at_all(data: bytes) -> None:
    assert failure(data).reason is Reason.CORRUPT_MEDIA


@pytest.mark.parametrize(
    ("entry", "reason"),
    [(b"encv", Reason.ENCRYPTED_MEDIA), (b"zzzz", Reason.UNSUPPORTED_CODEC)],
)
def test_what_is_not_ours_to_decode(entry: bytes, reason: Reason) -> None:
    data = bytearray(film(scenes(5)))
    at = data.rfind(b"avc1")
    data[at : at + 4] = entry
    assert failure(bytes(data)).reason is reason


def test_a_codec_that_is_not_on_the_list() -> None:
    failed = failure(film(scenes(5), codec="huffyuv", container="avi", pixels="yuv422p"))
    assert failed.reason is Reason.UNSUPPORTED_CODEC
    assert "huffyuv" in str(failed)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("LONGEST_S", "duration"), ("MOST_PIXELS", "pixels"), ("MOST_FPS", "fps")],
)
def test_limits_are_held_before_decoding(
    name: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, name, 0.1)
    failed = failure(film(scenes(10)))
    assert (failed.reason, failed.limit) == (Reason.DECODE_LIMIT_EXCEEDED, limit)


def test_a_length_that_is_a_lie_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzers.video.reel.LONGEST_S", 1.0)
    with pytest.raises(MediaFailed) as failed:
        found(film(scenes(50)))
    assert failed.value.limit == "duration"


def test_pictures_that_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzers.video.reel.MOST_PIXELS", 320 * 180 - 1)
    with pytest.raises(MediaFailed) as failed:
        found(film(scenes(10)))
    assert failed.value.limit == "pixels"


def test_more_scenes_than_allowed() -> None:
    with pytest.raises(MediaFailed) as failed:
        found(film(scenes(30, 30)), limits={"segments": 1})
    assert failed.value.limit == "segments"


def test_sound_that_cannot_be_read_leaves_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise MediaFailed(Reason.CORRUPT_MEDIA, "none of its audio can be decoded")

    monkeypatch.setattr("analyzers.audio.sound.decoded", broken)
    tone = np.sin(np.arange(48_000) * 0.05)
    assert len(found(film(scenes(30, 30), sound=tone))) == 2
