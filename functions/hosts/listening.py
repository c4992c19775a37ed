"""Listen where stores tell of new objects, and have `notify` take what they say."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial

from dataflux.errors import DataFluxError, Unavailable
from events.told import Told, opened
from functions.deps import Deps
from functions.disposition import Disposition
from functions.notify.handler import FUNCTION, give_up
from functions.targets import BY_NAME

log = logging.getLogger(__name__)

POLL_S = 1.0
AGAIN_S = 1.0
LONGEST_AGAIN_S = 60.0
TRIES = 5

Take = Callable[[bytes], Disposition]
GiveUp = Callable[[bytes, str], None]


@contextlib.contextmanager
def listening(deps: Deps) -> Iterator[None]:
    """Listen at every place that the settings name."""
    with contextlib.ExitStack() as stack:
        for place in deps.settings.notifications:
            keep = partial(_keep, deps, place)
            listener = Listener(
                place, partial(opened, place, deps.settings), partial(_take, deps, place), keep
            )
            listener.start()
            stack.callback(listener.close)
        yield


def _take(deps: Deps, place: str, message: bytes) -> Disposition:
    return BY_NAME[FUNCTION].take(deps, message, place)


def _keep(deps: Deps, place: str, message: bytes, why: str) -> None:
    give_up(message, deps, place, why)


class Listener(threading.Thread):
    """Takes the messages of one place, one after the other.

    A message is done when its effect is committed. While a store or the records are down, it is
    tried again and holds up those behind it: they would fare no better. One that fails in another
    way is given up after some tries.
    """

    def __init__(self, name: str, listen: Callable[[], Told], take: Take, give_up: GiveUp) -> None:
        super().__init__(name=f"listen-{name}")
        self._place, self._listen, self._take, self._give_up = name, listen, take, give_up
        self._ended = threading.Event()

    def close(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                told = self._listen()
                try:
                    self._follow(told)
                finally:
                    told.close()
            except Unavailable as error:
                log.warning("nothing is heard from %s: %s", self._place, error)
                self._ended.wait(AGAIN_S)
            except DataFluxError:  # such as an address that is none: no try will mend it
                log.exception("nobody listens at %s", self._place)
                return

    def _follow(self, told: Told) -> None:
        while not self._ended.is_set():
            for message in told.poll(POLL_S):
                if not self._until_done(message):
                    return
            told.done()

    def _until_done(self, message: bytes) -> bool:
        """Return whether a message is done with; False when listening ends first."""
        wait_s, failures = AGAIN_S, 0
        while True:
            disposition = self._take(message)
            if disposition == Disposition.DONE:
                return True
            failures += disposition != Disposition.RETRY
            if failures >= TRIES:
                self._give_up(message, disposition.detail)
                return True
            if self._ended.wait(wait_s):
                return False
            wait_s = min(2 * wait_s, LONGEST_AGAIN_S)
