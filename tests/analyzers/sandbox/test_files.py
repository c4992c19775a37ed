"""The nameless files of a child read as any file does, and never more than was asked for."""

import io
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.sandbox.files import BLOCK, FdFile, RangeFile
from analyzers.sandbox.serving import RangeServer
from tests.analyzers.sandbox.held import Held

DATA = os.urandom(3 * BLOCK + 12_345)

steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "into", "set", "end"]),
        st.integers(0, len(DATA) + 10) | st.integers(0, 99),
    ),
    max_size=12,
)


@contextmanager
def opened(kind: str) -> Iterator[io.RawIOBase]:
    with ExitStack() as stack:
        held = Held(DATA)
        if kind == "descriptor":
            yield FdFile(cast(int, held.fileno()))
            return
        ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        server = threading.Thread(target=_serve, args=(RangeServer(held, ours),))
        server.start()
        yield RangeFile(theirs.fileno(), len(DATA))
        theirs.shutdown(socket.SHUT_RDWR)
        server.join()


def _serve(server: RangeServer) -> None:
    import select

    poll = select.poll()
    while server.open:
        poll.register(server, select.POLLOUT if server.answering else select.POLLIN)
        poll.poll(1000)
        server.step()


def _do(file: io.RawIOBase | io.BytesIO, what: str, number: int) -> object:
    match what:
        case "read":
            return file.read(number)
        case "into":
            buffer = bytearray(min(number, BLOCK))
            return file.readinto(buffer), bytes(buffer)
        case "set":
            return file.seek(number)
    return file.seek(-min(number, len(DATA)), os.SEEK_END)


@pytest.fixture(scope="module", params=["descriptor", "ranges"])
def file(request: pytest.FixtureRequest) -> Iterator[io.RawIOBase]:
    with opened(request.param) as made:
        yield made


@given(steps=steps)
def test_reads_as_any_file(file: io.RawIOBase, steps: list[tuple[str, int]]) -> None:
    model = io.BytesIO(DATA)
    file.seek(0)
    for what, number in steps:
        assert _do(file, what, number) == _do(model, what, number)
    assert file.tell() == model.tell()


def test_reads_all_and_refuses_to_go_before_the_start(file: io.RawIOBase) -> None:
    file.seek(0)
    assert file.read() == DATA
    assert file.read(5) == b""
    with pytest.raises(OSError, match="negative seek"):
        file.seek(-1)
    assert not hasattr(file, "name")
