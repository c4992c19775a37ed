"""One tree of errors; what the API answers and whether to retry are read from the type.

DataFluxError
├── Invalid          bad input; `fields` names every bad field
│   └── Malformed    it cannot be read at all: no JSON, half a form
├── Unauthenticated  no caller, or a wrong token
├── NotFound         absent, or not visible to the caller: both look alike
│   └── ObjectMissing  bytes that a record names are gone
├── Denied           visible, but this verb is not granted
├── Conflict         the state has moved on
├── TooLarge         more bytes than accepted
├── Unsupported      a kind of media or request that is not handled
├── MediaFailed      a file that cannot be processed, with its reason; final, recorded
├── Unavailable      a dependency is down; try again
│   └── StorageFull  it has no room left
└── Overloaded       this process has too much to do; try again later
"""

from collections.abc import Mapping
from typing import ClassVar

from schemas.names import Reason


class DataFluxError(Exception):
    """Root. The message says what happened, to what, and after a semicolon the mend."""

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    reason: Reason | None = None
    """What is recorded of a step that ends with it, or is given up because of it."""


class Invalid(DataFluxError):
    status = 422

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class Malformed(Invalid):
    status = 400


class Unauthenticated(DataFluxError):
    status = 401


class NotFound(DataFluxError):
    status = 404


class ObjectMissing(NotFound):
    reason = Reason.OBJECT_MISSING


class Denied(DataFluxError):
    status = 403


class Conflict(DataFluxError):
    status = 409


class TooLarge(DataFluxError):
    status = 413


class Unsupported(DataFluxError):
    status = 415


class MediaFailed(DataFluxError):
    """The file itself is the problem: recorded with its reason, never retried."""

    status = 422
    reason: Reason

    def __init__(self, reason: Reason, detail: str = "", *, limit: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.limit = limit


class Unavailable(DataFluxError):
    status = 503
    retryable = True


class StorageFull(Unavailable):
    reason = Reason.INSUFFICIENT_STORAGE


class Overloaded(DataFluxError):
    status = 429
    retryable = True
