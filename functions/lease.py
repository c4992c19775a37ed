"""Keeps a claimed piece's lease alive while its handler runs."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from dataflux.errors import DataFluxError

log = logging.getLogger(__name__)


class Lease:
    """Calls `renew` every `every_s`, from a thread, until the block ends."""

    def __init__(self, renew: Callable[[], object], every_s: float) -> None:
        self._renew, self._every_s = renew, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._renew()
            except DataFluxError as error:  # the fence at commit decides, not this thread
                log.warning("lease not renewed: %s", error)
