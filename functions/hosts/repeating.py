"""Do something again and again while a context lasts."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from dataflux.errors import DataFluxError

log = logging.getLogger(__name__)

SWEEP_S = {"relay": 1.0, "reconcile": 10.0}
"""How often a sweeper is ticked."""


@contextlib.contextmanager
def every(name: str, seconds: float, action: Callable[[], object]) -> Iterator[None]:
    """Call `action` every so often, on a thread of its own."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            try:
                action()
            except (DataFluxError, OSError):
                log.exception("%s failed; it runs again in %.0f s", name, seconds)

    thread = threading.Thread(target=run, name=f"timer-{name}")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
