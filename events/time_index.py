"""Where in a file of records a moment lies: a small file beside it, as Kafka has one.

It may be lost or cut short: then a moment is looked for further before, never too late.
"""

import bisect
import contextlib
import struct
from pathlib import Path

_ENTRY = struct.Struct("!dQ")
"""A time, in seconds, and the first offset that was written then."""

EVERY_S = 0.25
"""Between two entries."""


class TimeIndex:
    """Entries in the order of time: what lies before an entry's offset was written before it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times: list[float] = []
        self._offsets: list[int] = []
        self._is_read = False

    def note(self, at: float, offset: int) -> None:
        """Note what is written now; not more often than that, nor if a clock goes back."""
        self._read()
        if self._times and at - self._times[-1] < EVERY_S:
            return
        self._times.append(at)
        self._offsets.append(offset)
        with contextlib.suppress(OSError), self._path.open("ab") as out:
            out.write(_ENTRY.pack(at, offset))

    def since(self, at: float) -> int | None:
        """Return an offset before which nothing was written at a time or later; None: not here."""
        self._read()
        found = bisect.bisect_left(self._times, at)
        return self._offsets[found - 1] if found else None

    def delete(self) -> None:
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        if self._is_read:
            return
        self._is_read = True
        with contextlib.suppress(OSError):
            kept = self._path.read_bytes()
            for at, offset in _ENTRY.iter_unpack(kept[: len(kept) // _ENTRY.size * _ENTRY.size]):
                if not self._times or at > self._times[-1]:
                    self._times.append(at)
                    self._offsets.append(offset)
