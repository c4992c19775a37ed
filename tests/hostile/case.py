"""What a hostile file is here: its name, its bytes, and how it may end."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.names import Reason

READ = "completed"
PARTLY = "degraded"
CORRUPT = str(Reason.CORRUPT_MEDIA)
LIMIT = str(Reason.DECODE_LIMIT_EXCEEDED)
UNSUPPORTED = str(Reason.UNSUPPORTED_MEDIA_TYPE)
ACTIVE = str(Reason.ACTIVE_CONTENT)
ARCHIVE = str(Reason.ARCHIVE_NOT_ACCEPTED)
OOM = str(Reason.DECODER_OOM)
TIMEOUT = str(Reason.DECODE_TIMEOUT)

Make = Callable[["Bait"], bytes]


@dataclass(frozen=True)
class Bait:
    """Where the files lead to: a server that must see nobody, and a file that nobody may read."""

    host: str
    port: int
    secret: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class Case:
    """`number` is that of the catalogue of bad media; `endings` are reasons, or how a run ends."""

    number: str
    what: str
    suffix: str
    make: Make
    endings: tuple[str, ...]
    limit: str | None = None
    """Which limit it exceeds, where only one can be meant."""

    @property
    def filename(self) -> str:
        return f"{self.number} {self.what}.{self.suffix}".replace("/", "-")


def always(make: Callable[[], bytes]) -> Make:
    """Return a maker of a file that leads nowhere."""
    return lambda bait: make()
