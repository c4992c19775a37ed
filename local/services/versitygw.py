"""versitygw: an S3 whose objects are files of a folder, with versions; built from its Go module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from local.services import go, s3
from local.services.server import HOST, Place, Server, accepts


class Versitygw(Server):
    """Its folder must be able to keep extended attributes, as ext4, xfs and btrfs do."""

    name: ClassVar[str] = "versitygw"
    version: ClassVar[str] = "v1.8.0"

    def __init__(self, *events: str) -> None:
        """`events`: the options that say whom it tells of new objects."""
        self._events = events

    def install(self, built: Path) -> None:
        go.install("github.com/versity/versitygw/cmd/versitygw", self.version, built)

    def prepare(self, place: Place) -> None:
        for name in ("objects", "versions", "users"):
            (place.data / name).mkdir(exist_ok=True)

    def command(self, place: Place) -> Sequence[str]:
        keys = ["--access", s3.ACCESS_KEY, "--secret", s3.SECRET_KEY, "--region", s3.REGION]
        port, users = f"{HOST}:{place.ports['client']}", str(place.data / "users")
        versions = ["--versioning-dir", str(place.data / "versions")]
        options = ["--quiet", "--port", port, "--iam-dir", users, *keys, *self._events]
        program = str(place.built / "versitygw")
        return [program, *options, "posix", *versions, str(place.data / "objects")]

    def answers(self, place: Place) -> bool:
        return accepts(place.ports["client"])

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        return s3.settings(ports)
