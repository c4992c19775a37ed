"""A listener takes one message after the other, and lets none be lost."""

import threading
from collections.abc import Sequence

import pytest

from dataflux.errors import Unavailable
from functions.disposition import Disposition
from functions.hosts import listening
from functions.hosts.listening import Listener


class Messages:
    """Gives messages, and again from the last done one on when it is opened again."""

    def __init__(self, *messages: bytes) -> None:
        self.left = list(messages)
        self.opened, self.closed = 0, 0
        self.all_done = threading.Event()

    def open(self) -> "Messages":
        self.opened += 1
        if self.opened == 1:
            raise Unavailable("the broker starts")
        return self

    def poll(self, wait_s: float) -> Sequence[bytes]:
        return self.left[:2]

    def done(self) -> None:
        del self.left[:2]
        if not self.left:
            self.all_done.set()

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "AGAIN_S", 0.01)


def test_what_is_retried_holds_up_what_comes_after_it() -> None:
    messages, taken, given_up = Messages(b"a", b"b", b"c"), [], []
    ends = {
        b"a": [Disposition.RETRY] * 9,
        b"b": [Disposition("failed", "KeyError: x")] * 9,
    }

    def take(message: bytes) -> Disposition:
        taken.append(message)
        left = ends.get(message)
        return left.pop() if left else Disposition.DONE

    listener = Listener("x", messages.open, take, lambda m, why: given_up.append((m, why)))
    listener.start()
    assert messages.all_done.wait(20)
    listener.close()
    assert taken == [b"a"] * 10 + [b"b"] * listening.TRIES + [b"c"]
    assert given_up == [(b"b", "KeyError: x")]
    assert (messages.opened, messages.closed) == (2, 1)


def test_it_ends_while_it_waits() -> None:
    messages, asked = Messages(b"a"), threading.Event()

    def take(message: bytes) -> Disposition:
        asked.set()
        return Disposition.RETRY

    listener = Listener("x", messages.open, take, lambda *_: None)
    listener.start()
    assert asked.wait(20)
    listener.close()
    assert messages.left == [b"a"]
    assert messages.closed == 1
