"""The envelope: a CloudEvents 1.0 event. Its data carries ids, numbers and references only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from dataflux.errors import Invalid

PREFIX = "io.dataflux."
MAX_HOPS = 32
"""An event that was caused by a chain this long is a loop."""

_EXTENSION = re.compile(r"[a-z0-9]{1,20}")
_CORE = frozenset(
    {"id", "type", "source", "specversion", "time", "subject", "datacontenttype", "dataschema"}
)


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

    def __post_init__(self) -> None:
        named = self.extensions
        if (
            self.id
            and self.type
            and self.source
            and self.time.tzinfo is not None
            and _are_extensions(tuple(named))
            and all(named.values())
            and ("hops" not in named or _are_hops(named["hops"]))
        ):  # nearly always; the looks of an event are most of what reading it costs
            return
        problems = _problems(self)
        if problems:
            raise Invalid(f"event {self.id!r} is no CloudEvent: {problems}", problems)

    @property
    def name(self) -> str:
        """The type without its prefix: `asset.uploaded`."""
        return self.type.removeprefix(PREFIX)

    @property
    def key(self) -> str:
        """What the bus partitions by."""
        return self.extensions.get("partitionkey") or self.subject or self.id


def _problems(event: Event) -> dict[str, str]:
    problems = {name: "is empty" for name in ("id", "type", "source") if not getattr(event, name)}
    if event.time.tzinfo is None:
        problems["time"] = "has no time zone"
    return problems | extension_problems(event.extensions)


@lru_cache(maxsize=256)
def _are_extensions(names: tuple[str, ...]) -> bool:
    """Say whether extensions may be called so. The names in use, and their orders, are few."""
    return all(map(_is_extension, names))


def _is_extension(name: str) -> bool:
    return _EXTENSION.fullmatch(name) is not None and name not in _CORE and name != "data"


def extension_problems(extensions: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with extensions, by their names."""
    problems = {}
    for name, value in extensions.items():
        if not _is_extension(name):
            problems[name] = "is no name of an extension; use 1-20 of a-z and 0-9"
        elif not value:
            problems[name] = "is empty"
        elif name == "hops" and not _are_hops(value):
            problems[name] = f"is no number of 0-{MAX_HOPS}; a longer chain of causes is a loop"
    return problems


@lru_cache(maxsize=64)
def _are_hops(value: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", value) is not None and int(value) <= MAX_HOPS
