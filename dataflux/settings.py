"""Settings: one frozen tree, read once at the edge; the only place that reads the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dataflux.errors import Invalid

PREFIX = "DATAFLUX_"


def default_home() -> Path:
    """Where an installation keeps its data, if nothing else is said."""
    if os.geteuid() == 0:
        return Path("/var/lib/dataflux")
    return Path.home() / ".local/share/dataflux"


def _names(value: Any) -> Any:
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


class Settings(BaseModel):
    """Every setting; the variable of `lease_s` is DATAFLUX_LEASE_S."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default_factory=default_home)
    """Where the embedded stores, the token and run.json are."""
    inbox: Path | None = None
    """The watched folder; `<home>/inbox` if not set."""
    records: str = "embedded:"
    """`embedded:` or postgresql://…"""
    objects: str = "embedded:"
    """`embedded:` or file:///folder"""
    bus: str = "embedded:"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0: a free one."""
    slots: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1)
    )
    """How many pieces are decoded or recognized at a time on this machine."""
    lease_s: Annotated[float, Field(gt=0)] = 60.0
    renew_s: Annotated[float, Field(gt=0)] = 20.0
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    upload_limit: Annotated[int, Field(ge=1)] = 50 << 30
    """Bytes of one upload."""
    require_seal: bool = False
    """Refuse to decode where the kernel does not grant the seccomp filter."""
    analyzers: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """Names of installed third-party analyzers to allow, separated by commas."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    rest_s: Annotated[float, Field(gt=0)] = 0.5
    """How long a file in the inbox must have rested before it is taken."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Self:
        """Read the settings: what is given beats the environment, which beats the defaults.

        Raises Invalid that names every bad variable.
        """
        environ = os.environ if environ is None else environ
        known = {PREFIX + name.upper(): name for name in cls.model_fields}
        found = {known[name]: value for name, value in environ.items() if name in known}
        try:
            return cls(**{**found, **{k: v for k, v in given.items() if v is not None}})
        except ValidationError as error:
            fields = {PREFIX + str(e["loc"][0]).upper(): e["msg"] for e in error.errors()}
            listed = "; ".join(f"{name}: {problem}" for name, problem in fields.items())
            raise Invalid(f"settings: {listed}; see docs/settings.md", fields) from None

    @property
    def watched(self) -> Path:
        return self.inbox or self.home / "inbox"
