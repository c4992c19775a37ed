"""Hot reload: a function goes on with its new code; what runs ends with the old."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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


@contextmanager
def reloading(told: Told) -> Iterator[None]:
    """Watch the functions and reload each that changes; say what was done."""
    with Reloader(told) as reloader:
        observer = Observer()
        observer.schedule(_Notify(reloader.changed), str(FUNCTIONS), recursive=True)
        observer.start()
        try:
            yield
        finally:
            observer.stop()
            observer.join()


class Reloader(threading.Thread):
    """Reloads what was said to have changed, once it rests."""

    def __init__(self, told: Told) -> None:
        super().__init__(name="reloader")
        self._told = told
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
            for line in reload_all(paths):
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
    old = _taken_out(package)
    try:
        _compile(FUNCTIONS / name)
        invalidate_caches()
        handle = import_module(f"{package}.handler").handle
    except Exception as error:  # whatever the new code does when it is imported
        _taken_out(package)
        sys.modules.update(old)
        log.debug("%s cannot be loaded", name, exc_info=error)
        return f"{name} stays as it was: {_place(error)}{type(error).__name__}: {error}"
    targets.replace(name, handle)
    return f"{name} is reloaded ({(time.perf_counter() - began) * 1000:.0f} ms)"


def _taken_out(package: str) -> dict[str, ModuleType]:
    """Take the modules of a package out of those that are loaded; return them."""
    names = [n for n in sys.modules if n == package or n.startswith(f"{package}.")]
    return {name: sys.modules.pop(name) for name in names}


def _compile(folder: Path) -> None:
    """Raise SyntaxError for any file of the folder that is no Python, also one imported later.

    Of two versions that were saved within a second, the interpreter would keep the first.
    """
    for path in folder.rglob("*.py"):
        compile(path.read_bytes(), str(path), "exec")
        Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _place(error: BaseException) -> str:
    """Return where in the functions an error was raised, as `handler.py:12: `."""
    if isinstance(error, SyntaxError):
        return ""
    found, trace = "", error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(FUNCTIONS):
            found = f"{path.relative_to(FUNCTIONS)}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return found
