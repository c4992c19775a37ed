"""The pytest plugin: every `recording.json` is a test that processes its file once more.

An emulator is started for a session that has such a test, and is gone after it. The entry point is
loaded by every pytest where DataFlux is installed, so nothing is imported before it is needed.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from local.client import Client

NAME = "recording.json"
_STACK = pytest.StashKey[ExitStack]()
_CLIENT = pytest.StashKey["Client"]()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take recordings; a file of this name that says it is something else is left alone."""
    if file_path.name != NAME or '"dataflux-recording/' not in file_path.read_text()[:200]:
        return None
    return Recording.from_parent(parent, path=file_path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the emulator, if one was started."""
    stack = session.config.stash.get(_STACK, None)
    if stack is not None:
        stack.close()


class Recording(pytest.File):
    """A folder that `dataflux record` has written."""

    def collect(self) -> Iterator[pytest.Item]:
        yield Replay.from_parent(self, name=self.path.parent.name)


class Differs(Exception):
    """What came out is not what was recorded."""


class Replay(pytest.Item):
    """Processes the recorded file and compares what comes of it."""

    def runtest(self) -> None:
        import tempfile

        from local import recording

        with tempfile.TemporaryDirectory(prefix="dataflux-replay-") as folder:
            found = recording.replay(_client(self.config), self.path, Path(folder))
        if found:
            raise Differs("\n".join(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Differs):
            return (
                f"{self.path.parent} comes out otherwise than recorded:\n{excinfo.value}\n"
                "If that is right, record it again; if it is near enough, raise its tolerances."
            )
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"recording {self.name}"


def _client(config: pytest.Config) -> "Client":
    """Return the way to the emulator of this session; start it for the first who asks."""
    if _CLIENT not in config.stash:
        from local.throwaway import throwaway

        stack = config.stash[_STACK] = ExitStack()
        config.stash[_CLIENT] = stack.enter_context(throwaway())
    return config.stash[_CLIENT]
