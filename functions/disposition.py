"""What a function tells its host of an event: done, again, invalid or failed."""

import logging
from collections.abc import Callable
from enum import StrEnum

from dataflux.errors import Conflict, DataFluxError, Invalid

log = logging.getLogger(__name__)


class Disposition(StrEnum):
    """What a host tells its bus: 200, 503, 422 or 500."""

    DONE = "done"
    RETRY = "retry"
    INVALID = "invalid"
    FAILED = "failed"


def guarded(action: Callable[[], Disposition | None]) -> Disposition:
    """Run `action`; tell from the kind of its error what a host answers."""
    try:
        return action() or Disposition.DONE
    except Invalid as error:
        log.warning("refused: %s", error)
        return Disposition.INVALID
    except Conflict as error:  # a rival was faster: the next look finds that out
        log.info("again: %s", error)
        return Disposition.RETRY
    except DataFluxError as error:
        log.warning("%s: %s", type(error).__name__, error)
        return Disposition.RETRY if error.retryable else Disposition.FAILED
    except Exception:
        log.exception("unexpected")
        return Disposition.FAILED
