"""The adapters of a process that serves one function."""

import contextlib
import threading

from dataflux.settings import Settings
from functions.deps import Deps, build


def _born() -> float:
    import psutil

    return float(psutil.Process().create_time())


class Adapters:
    """Built when they are first asked for, once; what cannot be built is tried again."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._building = threading.Lock()
        self._deps: Deps | None = None

    def __call__(self) -> Deps:
        with self._building:
            if self._deps is None:
                self._deps = self._stack.enter_context(build(Settings.from_env(), born=_born()))
            return self._deps

    def close(self) -> None:
        with self._building:
            self._stack.close()
