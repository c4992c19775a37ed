"""Several derived objects read as one: a head, then ranges of the objects that it is made of."""

import base64
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Self

import orjson

from dataflux.permissions import Caller
from functions.deps import Deps
from stores.ports import ObjectReader
from stores.records import renditions
from stores.records.renditions import Rendition

MOST_OPEN = 8


def opened(deps: Deps, caller: Caller, found: Rendition) -> ObjectReader:
    """Open a rendition; one that is joined of others as if it were one object."""
    kind = found.metadata.get("joined")
    if kind is None:
        return deps.objects.open(found.object_key)
    parts = deps.engine.read(caller.tenant, renditions.parts, found, kind)
    with deps.objects.open(found.object_key) as kept:
        told = orjson.loads(kept.read(0, kept.size))
    ranges = [Extent(parts[number], offset, length) for number, offset, length in told["ranges"]]
    return Joined(base64.b64decode(told["head"]), ranges, deps.objects.open)


@dataclass(frozen=True, slots=True)
class Extent:
    """A range of an object."""

    key: str
    offset: int
    length: int


@dataclass
class Joined:
    """Reads bytes that lie one behind the other, wherever they are; opens an object when needed."""

    head: bytes
    ranges: Sequence[Extent]
    open: Callable[[str], ObjectReader]
    _ends: list[int] = field(init=False)
    _readers: dict[str, ObjectReader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ends = list(accumulate([len(self.head), *(each.length for each in self.ranges)]))

    @property
    def size(self) -> int:
        return self._ends[-1]

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes from an offset on, fewer at the end."""
        found: list[bytes] = []
        while length > 0 and 0 <= offset < self.size:
            piece = self._within(offset, length)
            found.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return b"".join(found)

    def _within(self, offset: int, length: int) -> bytes:
        """Return the bytes up to the end of the range that an offset lies in."""
        number = bisect_right(self._ends, offset)
        length = min(length, self._ends[number] - offset)
        if number == 0:
            return self.head[offset : offset + length]
        extent = self.ranges[number - 1]
        at = offset - self._ends[number - 1]
        data = self._reader(extent.key).read(extent.offset + at, length)
        if len(data) != length:
            raise OSError(f"{extent.key} ends before the range that is read of it")
        return data

    def _reader(self, key: str) -> ObjectReader:
        if key not in self._readers:
            if len(self._readers) >= MOST_OPEN:
                self._readers.pop(next(iter(self._readers))).close()
            self._readers[key] = self.open(key)
        return self._readers[key]

    def fileno(self) -> None:
        """Return None: there is no one descriptor of it."""

    def close(self) -> None:
        while self._readers:
            self._readers.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
