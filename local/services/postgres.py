"""PostgreSQL with pgvector as a server of its own, from the wheel that the laptop uses."""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psycopg

from local.services import packages
from local.services.server import HOST, Place, Server
from stores.records import embedded


class Postgres(Server):
    """Debian has no pgvector; the wheel of the embedded server has it."""

    name: ClassVar[str] = "postgres"
    version: ClassVar[str] = "18"
    stops_on: ClassVar[signal.Signals] = signal.SIGINT  # SIGTERM would wait for its clients

    def __init__(self) -> None:
        self.user = embedded.SYSTEM_USER if os.geteuid() == 0 else ""

    def install(self, built: Path) -> None:
        binaries = embedded.binaries()
        if self.user:
            embedded.ensure_system_user(self.user)
            embedded.open_path(binaries)
        (built / "bin").symlink_to(binaries)

    def prepare(self, place: Place) -> None:
        if self.user:
            shutil.chown(place.data, self.user, self.user)
            embedded.open_path(place.data.parent)
        if not (place.data / "db" / "PG_VERSION").exists():
            self._initialize(place)

    def _initialize(self, place: Place) -> None:
        shutil.rmtree(place.data / "db", ignore_errors=True)  # an interrupted attempt
        packages.run(
            [str(place.built / "bin/initdb"), f"--pgdata={place.data / 'db'}", *embedded.INITDB],
            "initdb",
            cwd=place.data,
            env={"PATH": "", "LC_ALL": "C", "TZ": "UTC"},
            user=self.user or None,
            group=self.user or None,
            extra_groups=[] if self.user else None,
        )

    def command(self, place: Place) -> Sequence[str]:
        settings = {
            **embedded.SETTINGS,
            "listen_addresses": HOST,
            "port": str(place.ports["client"]),
            "unix_socket_directories": "",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(place.built / "bin/postgres"), "-D", str(place.data / "db"), *options]

    def answers(self, place: Place) -> bool:
        try:
            psycopg.connect(_dsn(place.ports), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"DATAFLUX_RECORDS": _dsn(ports)}


def _dsn(ports: Mapping[str, int]) -> str:
    return f"postgresql://postgres@{HOST}:{ports['client']}/postgres"
