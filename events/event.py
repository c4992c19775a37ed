"""The envelope: a CloudEvents 1.0 event. Its data carries ids, numbers and references only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PREFIX = "io.dataflux."


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent with JSON data; extensions are strings named [a-z0-9]{1,20}."""

    id: str
    type: str
    source: str
    time: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    subject: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The type without its prefix: `asset.uploaded`."""
        return self.type.removeprefix(PREFIX)

    @property
    def key(self) -> str:
        """What the bus partitions by."""
        return self.extensions.get("partitionkey") or self.subject or self.id
