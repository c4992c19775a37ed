"""The watched folder: a file that rests is copied in; the user's file is never touched."""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from dataflux.errors import DataFluxError
from local.files import name_of, walk, wanted
from local.marks import Marks

log = logging.getLogger(__name__)

SWEEP_S = 30.0
"""How often the whole folder is looked at: no notification is relied on."""
UNWATCHED_SWEEP_S = 2.0
"""The same where the system sends no notifications."""
AGAIN_S = 2.0
LONGEST_AGAIN_S = 300.0
"""How long a file is left alone that could not be taken: twice as long each time."""

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


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a file could not be taken, and until when it is left alone."""

    count: int
    until: float


class Inbox(threading.Thread):
    """Takes every file of a folder once its size and time of change have rested."""

    def __init__(
        self,
        folder: Path,
        take: Take,
        marks: Marks,
        *,
        rest_s: float = 0.5,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="inbox")
        self._folder, self._take, self._marks = folder, take, marks
        self._rest_s, self._now = rest_s, now
        self._pending: dict[Path, Seen | None] = {}
        self._failures: dict[Path, Failures] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._sweep_s = SWEEP_S
        self._sweep_at = now()
        folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        observer = self._watch()
        while self._wait():
            self.look()
        if observer is not None:
            observer.stop()
            observer.join()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def look(self) -> None:
        """Take what has rested; note what is new or has changed."""
        if self._now() >= self._sweep_at:
            self._sweep_at = self._now() + self._sweep_s
            for path in walk(self._folder):
                self._notice(path)
        with self._changed:
            pending = dict(self._pending)
        for path, before in pending.items():
            if self._closed:
                return
            self._look_at(path, before)

    def _watch(self) -> BaseObserver | None:
        """Be notified of changes; without notifications, look around more often."""
        observer = Observer()
        observer.schedule(_Notify(self._notice), str(self._folder), recursive=True)
        try:
            observer.start()
        except OSError as error:  # such as the limit of inotify watches
            log.warning("%s is looked at every %.0f s: %s", self._folder, UNWATCHED_SWEEP_S, error)
            self._sweep_s = UNWATCHED_SWEEP_S
            return None
        return observer

    def _look_at(self, path: Path, before: Seen | None) -> None:
        try:
            found = path.lstat()
        except OSError:  # gone again
            self._forget(path)
            return
        if not stat.S_ISREG(found.st_mode) or self._marks.get(path) == _mark(found):
            self._forget(path)
        elif before is None or not before.like(*_mark(found)):
            self._remember(path, Seen(*_mark(found), self._now()))
        elif self._now() >= max(before.since + self._rest_s, self._not_before(path)):
            self._bring_in(path, before)

    def _not_before(self, path: Path) -> float:
        failures = self._failures.get(path)
        return failures.until if failures else 0.0

    def _bring_in(self, path: Path, seen: Seen) -> None:
        try:
            self._take(path, name_of(path, self._folder))
        except (DataFluxError, OSError) as error:
            log.warning("%s is not taken: %s", path, error)
            self._failed(path)
            return
        except Exception:  # one strange file must not keep the others out
            log.exception("%s is not taken", path)
            self._failed(path)
            return
        self._marks.set(path, (seen.size, seen.mtime_ns))
        self._forget(path)

    def _failed(self, path: Path) -> None:
        """Leave it pending: what is wrong may be mended."""
        before = self._failures.get(path)
        again = min(LONGEST_AGAIN_S, AGAIN_S * 2.0 ** min(before.count, 10)) if before else AGAIN_S
        count = before.count + 1 if before else 1
        self._failures[path] = Failures(count, self._now() + again)

    def _remember(self, path: Path, seen: Seen) -> None:
        with self._changed:
            self._pending[path] = seen

    def _forget(self, path: Path) -> None:
        self._failures.pop(path, None)
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
                self._changed.wait(self._rest_s / 4 if self._resting() else self._idle_s())
            return not self._closed

    def _resting(self) -> bool:
        """Return whether a file waits for more than the end of its time-out."""
        now = self._now()
        return any(self._not_before(path) <= now for path in self._pending)

    def _idle_s(self) -> float:
        ends = [failures.until for failures in self._failures.values()]
        return max(0.0, min([self._sweep_at, *ends]) - self._now())


CHANGES = ("created", "modified", "moved", "closed")


class _Notify(FileSystemEventHandler):
    def __init__(self, notice: Callable[[Path], None]) -> None:
        self._notice = notice

    def on_any_event(self, event: FileSystemEvent) -> None:
        for name in (event.src_path, event.dest_path):
            if name and not event.is_directory and event.event_type in CHANGES:
                self._notice(Path(os.fsdecode(name)))


def _mark(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
