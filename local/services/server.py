"""What a server is to the launcher: how it is installed, prepared, started and asked."""

import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """One instance: what was installed once for all, its own data, and its ports by name."""

    built: Path
    data: Path
    ports: Mapping[str, int]

    @property
    def log(self) -> Path:
        return self.data / "server.log"


class Server(ABC):
    """One kind of server; it listens on this machine only."""

    name: ClassVar[str]
    version: ClassVar[str]
    """What is installed: another version is installed beside it."""
    ports: ClassVar[tuple[str, ...]] = ("client",)
    user: str = ""
    """Who runs it, where it refuses to run as root."""
    stops_on: ClassVar[signal.Signals] = signal.SIGTERM

    @abstractmethod
    def install(self, built: Path) -> None:
        """Put all it needs into the empty folder `built`; raise Unavailable with the mend."""

    def prepare(self, place: Place) -> None:  # noqa: B027 -- most need nothing
        """Write what a start needs; called before each, so it must leave what is there."""

    @abstractmethod
    def command(self, place: Place) -> Sequence[str]:
        """Return the command line that serves in the foreground until it gets `stops_on`."""

    @abstractmethod
    def answers(self, place: Place) -> bool:
        """Say whether clients can use it."""

    @abstractmethod
    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Return the environment variables that point DataFlux, or a test, at it."""


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Let the kernel pick a port for each name."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind((HOST, 0))
        return {name: s.getsockname()[1] for name, s in zip(names, sockets, strict=True)}


def accepts(port: int) -> bool:
    """Say whether something accepts connections at a port."""
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
