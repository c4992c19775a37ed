"""Keeps a claimed piece's lease alive while its handler runs."""

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import UUID

from dataflux.errors import DataFluxError
from stores.records import steps

if TYPE_CHECKING:
    from functions.engine import Engine

log = logging.getLogger(__name__)


class Lease:
    """Renews the lease of one claim every `renew_s`, from a thread, until the block ends."""

    def __init__(self, engine: "Engine", tenant: UUID, piece: UUID, token: UUID) -> None:
        self._engine, self._tenant, self._piece, self._token = engine, tenant, piece, token
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{piece}", daemon=True)

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

    def _renew(self) -> None:
        while not self._ended.wait(self._engine.renew_s):
            try:
                with self._engine.session(self._tenant) as conn:
                    steps.extend_lease(conn, self._piece, self._token, self._engine.lease_s)
            except DataFluxError as error:  # the fence at commit decides, not this thread
                log.warning("lease of piece %s not renewed: %s", self._piece, error)
