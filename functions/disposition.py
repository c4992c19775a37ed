"""What a function tells its host of an event: done, again, invalid or failed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Self

from dataflux.errors import Conflict, DataFluxError, Invalid

log = logging.getLogger(__name__)

LONGEST = 500
"""Of what is told of an error."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a host tells its bus: 200, 503, 422 or 500; `detail` is for operators, not compared."""

    name: str
    detail: str = field(default="", compare=False)

    DONE: ClassVar["Disposition"]
    RETRY: ClassVar["Disposition"]
    INVALID: ClassVar["Disposition"]
    FAILED: ClassVar["Disposition"]

    def because(self, error: Exception) -> Self:
        """Return the same with what went wrong."""
        return type(self)(self.name, f"{type(error).__name__}: {error}"[:LONGEST])

    def __str__(self) -> str:
        return self.name


Disposition.DONE = Disposition("done")
Disposition.RETRY = Disposition("retry")
Disposition.INVALID = Disposition("invalid")
Disposition.FAILED = Disposition("failed")


def guarded(action: Callable[[], Disposition | None]) -> Disposition:
    """Run `action`; tell from the kind of its error what a host answers."""
    try:
        return action() or Disposition.DONE
    except Invalid as error:
        log.warning("refused: %s", error)
        return Disposition.INVALID.because(error)
    except Conflict as error:  # a rival was faster: the next look finds that out
        log.info("again: %s", error)
        return Disposition.RETRY.because(error)
    except DataFluxError as error:
        log.warning("%s: %s", type(error).__name__, error)
        return (Disposition.RETRY if error.retryable else Disposition.FAILED).because(error)
    except Exception as error:
        log.exception("unexpected")
        return Disposition.FAILED.because(error)
