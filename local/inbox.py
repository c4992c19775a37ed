"""The watched folder: a file that rests is copied in; the user's file is never touched."""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from dataflux.errors import DataFluxError

log = logging.getLogger(__name__)

SWEEP_S = 30.0
"""How often the whole folder is looked at: no notification is relied on."""
IGNORED_SUFFIXES = (".part", ".partial", ".crdownload", ".tmp", ".swp", "~")

Take = Callable[[Path, str], None]
"""Bring a file in under its name relative to the folder."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file looked like, and since when it has."""

    size: int
    mtime_ns: int
    since: float

    def like(self, size: int, mtime_ns: int) -> bool:
        return self.size == size and self.mtime_ns == mtime_ns


class Inbox(threading.Thread):
    """Takes every file of a folder once its size and time of change have rested."""

    def __init__(
        self,
        folder: Path,
        take: Take,
        *,
        rest_s: float = 0.5,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="inbox")
        self._folder, self._take, self._rest_s, self._now = folder, take, rest_s, now
        self._pending: dict[Path, Seen | None] = {}
        self._taken: dict[Path, tuple[int, int]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._swept = -SWEEP_S
        self._observer = Observer()

    def run(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._observer.schedule(_Notify(self._notice), str(self._folder), recursive=True)
        self._observer.start()
        while self._wait():
            self.look()
        self._observer.stop()
        self._observer.join()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def look(self) -> None:
        """Take what has rested; note what is new or has changed."""
        if self._now() - self._swept >= SWEEP_S:
            self._swept = self._now()
            for path in walk(self._folder):
                self._notice(path)
        with self._changed:
            pending = dict(self._pending)
        for path, before in pending.items():
            self._look_at(path, before)

    def _look_at(self, path: Path, before: Seen | None) -> None:
        try:
            found = path.lstat()
        except OSError:  # gone again
            self._forget(path)
            return
        if not stat.S_ISREG(found.st_mode):
            self._forget(path)
            return
        if before is None or not before.like(found.st_size, found.st_mtime_ns):
            with self._changed:
                self._pending[path] = Seen(found.st_size, found.st_mtime_ns, self._now())
            return
        if self._now() - before.since >= self._rest_s:
            self._bring_in(path, before)

    def _bring_in(self, path: Path, seen: Seen) -> None:
        mark = (seen.size, seen.mtime_ns)
        if self._taken.get(path) != mark:
            try:
                self._take(path, path.relative_to(self._folder).as_posix())
            except (DataFluxError, OSError) as error:  # stays pending: tried again
                log.warning("inbox: %s not taken: %s", path.name, error)
                return
            self._taken[path] = mark
        self._forget(path)

    def _forget(self, path: Path) -> None:
        with self._changed:
            self._pending.pop(path, None)

    def _notice(self, path: Path) -> None:
        if wanted(path, self._folder):
            with self._changed:
                self._pending.setdefault(path, None)
                self._changed.notify()

    def _wait(self) -> bool:
        """Sleep until there may be something to do; return False when closed."""
        with self._changed:
            if not self._closed:
                self._changed.wait(self._rest_s / 4 if self._pending else SWEEP_S)
            return not self._closed


class _Notify(FileSystemEventHandler):
    def __init__(self, notice: Callable[[Path], None]) -> None:
        self._notice = notice

    def on_any_event(self, event: FileSystemEvent) -> None:
        for name in (event.src_path, event.dest_path):
            if name and not event.is_directory and event.event_type not in ("opened", "deleted"):
                self._notice(Path(os.fsdecode(name)))


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, without following links."""
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in sorted(names))


def wanted(path: Path, folder: Path) -> bool:
    """Return whether a file is meant to be taken: not hidden, not half a download."""
    try:
        parts = path.relative_to(folder).parts
    except ValueError:
        return False
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and not path.name.endswith(IGNORED_SUFFIXES)
