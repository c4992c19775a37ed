"""Frames arrive in any pieces; what is none is refused before it is held in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.sandbox.frames import (
    HEAD_LIMIT,
    LENGTHS,
    PAYLOAD_LIMIT,
    FrameReader,
    Malformed,
    pack,
)

BYTES = 1 << 20


@given(
    sent=st.lists(st.tuples(st.dictionaries(st.text(), st.integers()), st.binary()), max_size=5),
    size=st.integers(1, 40),
)
def test_frames_arrive_in_any_pieces(sent: list[tuple[dict[str, int], bytes]], size: int) -> None:
    stream = b"".join(pack(head, payload) for head, payload in sent)
    reader = FrameReader(BYTES, BYTES)
    got = [f for at in range(0, len(stream), size) for f in reader.feed(stream[at : at + size])]
    assert got == sent


@pytest.mark.parametrize(
    "lengths", [(HEAD_LIMIT + 1, 0), (2, PAYLOAD_LIMIT + 1), ((1 << 32) - 1, (1 << 64) - 1)]
)
def test_lengths_are_judged_before_anything_else_comes(lengths: tuple[int, int]) -> None:
    with pytest.raises(Malformed, match="a frame of"):
        list(FrameReader(BYTES, BYTES).feed(LENGTHS.pack(*lengths)))


@pytest.mark.parametrize("head", [b"nope", b"[]", b"1", b"\xff\xff", b"[" * 100_000])
def test_a_head_is_an_object(head: bytes) -> None:
    with pytest.raises(Malformed, match="a head"):
        list(FrameReader(BYTES, BYTES).feed(LENGTHS.pack(len(head), 0) + head))


def test_the_total_is_bounded_and_that_of_the_json() -> None:
    many = pack({"a": "b" * 100}, bytes(100)) * 5
    with pytest.raises(Malformed, match="bytes of output"):
        list(FrameReader(len(many) - 1, BYTES).feed(many))
    with pytest.raises(Malformed, match="bytes of JSON"):
        list(FrameReader(BYTES, 500).feed(many))
