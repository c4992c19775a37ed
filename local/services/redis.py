"""Redis, from Debian's package; every write is on the disk before it is answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from local.services import packages
from local.services.server import HOST, Place, Server, accepts


class Redis(Server):
    """An append-only server with a bound on its memory."""

    name: ClassVar[str] = "redis"
    version: ClassVar[str] = "7"

    def install(self, built: Path) -> None:
        (built / "redis-server").symlink_to(packages.ensure("redis-server", "redis-server"))

    def command(self, place: Place) -> Sequence[str]:
        options = {
            "bind": HOST,
            "port": str(place.ports["client"]),
            "dir": str(place.data),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory": "256mb",
        }
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(place.built / "redis-server"), *given]

    def answers(self, place: Place) -> bool:
        return accepts(place.ports["client"])

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"REDIS_URL": f"redis://{HOST}:{ports['client']}"}
