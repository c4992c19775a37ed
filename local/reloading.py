"""Hot reload: a function goes on with its new code; what runs ends with the old."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from functions import targets
from functions.targets import BY_NAME

log = logging.getLogger(__name__)

FUNCTIONS = Path(targets.__file__).parent
REST_S = 0.1
"""Editors write in several steps: a change counts once it has rested."""

Told = Callable[[str], object]


@dataclass(frozen=True)
class Watched:
    """A folder, and what is done with those of its files that have changed: it says what it did."""

    folder: Path
    reload: Callable[[set[Path]], Iterable[str]]


@contextmanager
def reloading(told: Told, *more: Watched) -> Iterator[None]:
    """Watch the functions, and more; reload each that changes; say what was done."""
    watched = (Watched(FUNCTIONS, reload_all), *more)
    with Reloader(told, watched) as reloader:
        observer = Observer()
        for each in watched:
            observer.schedule(_Notify(reloader.changed), str(each.folder), recursive=True)
        observer.start()
        try:
            yield
        finally:
            observer.stop()
            observer.join()


class Reloader(threading.Thread):
    """Reloads what was said to have changed, once it rests."""

    def __init__(self, told: Told, watched: Iterable[Watched]) -> None:
        super().__init__(name="reloader")
        self._told, self._watched = told, tuple(watched)
        self._paths: set[Path] = set()
        self._changed = threading.Condition()
        self._closed = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self.join()

    def changed(self, path: Path) -> None:
        if path.suffix == ".py":
            with self._changed:
                self._paths.add(path)
                self._changed.notify()

    def run(self) -> None:
        while paths := self._rested():
            for each in self._watched:
                mine = {path for path in paths if path.is_relative_to(each.folder)}
                for line in each.reload(mine) if mine else ():
                    self._told(line)

    def _rested(self) -> set[Path]:
        """Wait for changes until none has come for a moment; return nothing once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._paths)
            while self._changed.wait(REST_S) and not self._closed:
                pass
            paths, self._paths = self._paths, set()
            return set() if self._closed else paths


class _Notify(FileSystemEventHandler):
    def __init__(self, changed: Callable[[Path], None]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in ("modified", "created", "moved", "deleted"):
            for name in filter(None, (event.src_path, event.dest_path)):
                self._changed(Path(str(name)))


def reload_all(paths: Iterable[Path]) -> Iterator[str]:
    """Reload the functions that files belong to; yield what became of each."""
    folders = {path.relative_to(FUNCTIONS).parts[0] for path in paths}
    for folder in sorted(folders):
        if folder in BY_NAME:
            yield reload(folder)
        else:
            yield f"functions/{folder} is shared by all functions: start again to use the change"


def reload(name: str) -> str:
    """Put new code in place of a function's; if it cannot be loaded, the old code stays.

    Modules that are imported anew are other objects: a handler that runs keeps those it has.
    """
    began, package = time.perf_counter(), f"functions.{name}"
    if f"{package}.handler" not in sys.modules:
        return f"{name} was not loaded yet: its next event loads it"
    targets.replace(name, BY_NAME[name].handler())  # nobody looks for it while it is imported
    old = taken_out([package])
    try:
        compiled((FUNCTIONS / name).rglob("*.py"))
        handle = import_module(f"{package}.handler").handle
    except Exception as error:  # whatever the new code does when it is imported
        taken_out([package])
        sys.modules.update(old)
        log.debug("%s cannot be loaded", name, exc_info=error)
        return f"{name} stays as it was: {said(error, FUNCTIONS)}"
    targets.replace(name, handle)
    return f"{name} is reloaded ({(time.perf_counter() - began) * 1000:.0f} ms)"


def taken_out(packages: Iterable[str]) -> dict[str, ModuleType]:
    """Take packages, with all their modules, out of those that are loaded; return them."""
    tops = tuple(packages)
    names = [n for n in sys.modules if n in tops or n.startswith(tuple(f"{top}." for top in tops))]
    return {name: sys.modules.pop(name) for name in names}


def compiled(paths: Iterable[Path]) -> None:
    """Raise SyntaxError for any file that is no Python, also one that is imported later.

    Of two versions that were saved within a second, the interpreter would keep the first.
    """
    for path in paths:
        compile(path.read_bytes(), str(path), "exec")
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
    invalidate_caches()


def said(error: BaseException, *folders: Path) -> str:
    """Return an error with where in folders it was raised, as `handler.py:12: NameError: …`."""
    found, trace = "", error.__traceback__
    while trace is not None and not isinstance(error, SyntaxError):
        path = Path(trace.tb_frame.f_code.co_filename)
        for folder in filter(path.is_relative_to, folders):
            found = f"{path.relative_to(folder)}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return f"{found}{type(error).__name__}: {error}"
