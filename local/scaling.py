"""Scale to zero: a function that has nothing to do is stopped, and started by its next event."""

import logging
import threading
import time
from collections.abc import Sequence

from events.event import Event
from functions.disposition import Disposition, guarded
from functions.hosts.local import Run
from local.processes import FunctionProcess, Processes

log = logging.getLogger(__name__)

LOOK_S = 0.2


class Scaled:
    """Runs events on a function that is not there without them; who comes meanwhile waits."""

    def __init__(
        self, run: Run, process: FunctionProcess, keeper: Processes, idle_s: float
    ) -> None:
        self._run, self._process, self._keeper, self._idle_s = run, process, keeper, idle_s
        self._lock = threading.Lock()
        self._busy, self._idle_since = 0, time.monotonic()

    def __call__(self, events: Sequence[Event]) -> Disposition:
        with self._lock:
            self._busy += 1
            woken = guarded(self._wake)
            if woken != Disposition.DONE:
                self._busy -= 1
                return woken
        try:
            return self._run(events)
        finally:
            with self._lock:
                self._busy -= 1
                self._idle_since = time.monotonic()

    def rest(self) -> None:
        """Stop the function if it has had nothing to do for long enough."""
        with self._lock:
            idle_s = time.monotonic() - self._idle_since
            if not self._busy and idle_s >= self._idle_s and self._keeper.rest(self._process):
                log.info("function %s is stopped: it has had nothing to do", self._process.name)

    def _wake(self) -> None:
        began = time.monotonic()
        if self._keeper.wake(self._process):
            took_s = time.monotonic() - began
            log.info("function %s is started: it answers after %.2f s", self._process.name, took_s)
