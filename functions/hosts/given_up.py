"""A delivery that a host gives up, and the dead letter that is kept of it."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from events.bus import Delivery
from functions.disposition import Disposition
from schemas.names import Undelivered
from stores.records.dead_letters import DeadLetter

KNATIVE = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
"""What a Knative dispatcher adds to an event that it gives up, and so what we call it too."""
LONGEST_DATA = 1024
NOWHERE = -1
"""The partition and offset of an event of which nobody says where it lay."""

_WHY = {
    "unreadable": (Undelivered.INVALID_ENVELOPE, 400),
    "invalid": (Undelivered.INVALID_EVENT, 422),
    "retry": (Undelivered.DEPENDENCY_DOWN, 503),
    "failed": (Undelivered.FUNCTION_FAILED, 500),
}


@dataclass(frozen=True)
class GivenUp:
    """What a function could not handle: why, how often it was tried, and from when to when."""

    function: str
    delivery: Delivery
    why: Disposition
    attempts: int
    first_at: datetime
    last_at: datetime
    told: Mapping[str, str] = field(default_factory=dict)
    """What a dispatcher says of it, by the names above; else we say it ourselves."""

    def letter(self) -> DeadLetter:
        """Return what is kept: the bytes as they came. Given up again, it is the same letter."""
        event, (reason, code) = self.delivery.event, _WHY[self.why.name]
        return DeadLetter(
            id=self._id(),
            tenant=_tenant_of(self.delivery),
            function=self.function,
            topic=self.delivery.topic,
            event=self.delivery.value,
            reason=reason,
            detail=self.why.detail,
            attempts=self.attempts,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
            origin=self._origin(code),
            first_at=self.first_at,
            last_at=self.last_at,
        )

    def _id(self) -> UUID:
        event, delivery = self.delivery.event, self.delivery
        what = (
            f"{delivery.topic}/{delivery.partition}/{delivery.offset}"
            if event is None
            else f"{event.source}#{event.id}"
        )
        return uuid5(NAMESPACE_OID, f"{self.function}/{what}")

    def _origin(self, code: int) -> dict[str, Any]:
        event, delivery = self.delivery.event, self.delivery
        place: dict[str, Any] = {"topic": delivery.topic}
        if delivery.offset != NOWHERE:
            place |= {"partition": delivery.partition, "offset": delivery.offset}
        data = b64encode(self.why.detail.encode()[:LONGEST_DATA]).decode()
        own = dict(zip(KNATIVE, (f"/dataflux/{self.function}", str(code), data), strict=True))
        before = event.extensions if event else {}
        known = {name: before[name] for name in KNATIVE if name in before}
        return place | (dict(self.told) or own | known)


def _tenant_of(delivery: Delivery) -> UUID | None:
    """Return whose a message is; one that does not say so properly is nobody's."""
    try:
        return UUID(delivery.event.extensions["tenantid"]) if delivery.event else None
    except (KeyError, ValueError):
        return None
