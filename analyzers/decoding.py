"""What every decoder keeps: the limits of one file, and one verdict for what libraries raise."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Self

from dataflux.errors import MediaFailed
from schemas.names import Reason


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may unfold to; a name in config["limits"] replaces the default."""

    pixels: int = 80_000_000
    frames: int = 2_000
    pages: int = 5_000
    text_bytes: int = 200_000_000
    ratio: int = 200
    segments: int = 100_000
    entries: int = 10_000
    archive_bytes: int = 500_000_000
    pictures: int = 2_000

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        given: Mapping[str, Any] = config.get("limits") or {}
        return cls(**{f.name: int(given[f.name]) for f in fields(cls) if f.name in given})

    def hold(self, name: str, value: float) -> None:
        """Raise MediaFailed if `value` exceeds the limit of that name."""
        most = getattr(self, name)
        if value > most:
            raise MediaFailed(
                Reason.DECODE_LIMIT_EXCEEDED, f"{name}: {value:.0f}, at most {most}", limit=name
            )


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn whatever a library raises about a broken file into MediaFailed.

    Decoders raise nearly anything on hostile bytes; only memory is the sandbox's own business.
    """
    try:
        yield
    except (MediaFailed, MemoryError):
        raise
    except RecursionError as error:
        raise MediaFailed(
            Reason.DECODE_LIMIT_EXCEEDED, f"{what}: parts in parts, too deep", limit="depth"
        ) from error
    except Exception as error:
        raise MediaFailed(Reason.CORRUPT_MEDIA, f"{what}: {type(error).__name__}") from error
