"""Settings: one frozen tree, read once at the edge; the only place that reads the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from dataflux import failpoints
from dataflux.errors import Invalid
from dataflux.telemetry import Format

PREFIX = "DATAFLUX_"
CLIENT = frozenset({"DATAFLUX_URL", "DATAFLUX_TOKEN"})
"""Of the same family, but for the command line: where to find a running installation."""


LOOPBACK = ("127.0.0.1", "::1", "localhost")


def default_home() -> Path:
    """Where an installation keeps its data, if nothing else is said."""
    if os.geteuid() == 0:
        return Path("/var/lib/dataflux")
    return Path.home() / ".local/share/dataflux"


def default_cache() -> Path:
    """Where what can be made again is kept, if nothing else is said."""
    if os.geteuid() == 0:
        return Path("/var/cache/dataflux")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataflux"


def _names(value: Any) -> Any:
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseModel):
    """Every setting; the variable of `lease_s` is DATAFLUX_LEASE_S."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Folder = Field(default_factory=default_home)
    """Where the embedded stores, the token and run.json are."""
    cache_folder: Folder = Field(default_factory=default_cache)
    """Where servers that `dataflux services` installs are kept; it may be emptied."""
    inbox: Folder | None = None
    """The watched folder; `<home>/inbox` if not set."""
    records: str = "embedded:"
    """`embedded:` or postgresql://…"""
    objects: str = "embedded:"
    """`embedded:`, file:///folder or s3://bucket/prefix?endpoint=…&region=…"""
    buckets: str = ""
    """Where the buckets of sources are: s3:?endpoint=…&region=…; else where the objects are."""
    notifications: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """Where stores tell of new objects, separated by commas: kafka://host:port/topic, sqs:URL"""
    bus: str = "embedded:"
    """`embedded:`, kafka://host:port,…/prefix, or http://… of the process that has the bus"""
    kafka_tls: bool = False
    """Talk to Kafka over TLS."""
    kafka_ca: str = ""
    """The CA that signed the certificates of Kafka, as a file in PEM or its text; else those that
    this machine trusts."""
    kafka_certificate: str = ""
    """The certificate that Kafka knows us by, as a file in PEM or its text."""
    kafka_key: str = Field(default="", repr=False)
    """Its key, likewise, without a password; not needed if the file of the certificate has it."""
    kafka_sasl: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    """How Kafka is shown a password: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`."""
    kafka_user: Annotated[str, Field(validate_default=True)] = ""
    """Who we are to Kafka."""
    kafka_password: Annotated[str, Field(validate_default=True, repr=False)] = ""
    """The password of this user."""
    host: str = "127.0.0.1"
    """The address to listen at."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The port to listen at; 0 is a free one."""
    slots: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1)
    )
    """How many pieces are decoded or recognized at a time on this machine; one for each core."""
    lease_s: Seconds = 60.0
    """How long a worker may be silent before its piece is given to another."""
    renew_s: Annotated[Seconds, Field(validate_default=True)] = 20.0
    """How often a worker renews its lease; less than the lease itself."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """How often a piece is tried before it fails."""
    letters_days: Annotated[int, Field(ge=1, le=36_500)] = 30
    """How many days a dead letter is kept after it was retried, replayed or discarded."""
    scenes: Literal[
        "auto", "exact", "fast", "compressed", "content", "adaptive", "histogram", "hash"
    ] = "auto"
    """How scenes are found: `exact` in every frame, `fast` in those that others refer to,
    `compressed` in key frames and where those leave a doubt, `auto` exact unless a film is long;
    the others are detectors of PySceneDetect."""
    proxy: Literal["auto", "always", "never"] = "auto"
    """Which films and recordings get a small rendition to play: `auto` those that browsers cannot
    play, and those that are heavy (more than 2 Mbit/s, of sound 320 kbit/s, and 16 MiB)."""
    decode_s: Seconds = 300.0
    """How long one piece may be decoded or recognized."""
    grace_s: Seconds = 10.0
    """How long a stop waits for the work that is under way."""
    upload_limit: Annotated[int, Field(ge=1)] = 50 << 30
    """Bytes of one upload."""
    require_seal: bool | None = None
    """Refuse to decode where the kernel does not grant the seccomp filter; if not set, only
    `dataflux up` decodes there."""
    analyzers: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """Names of installed third-party analyzers to allow, separated by commas."""
    models: Folder | None = None
    """Where models lie; `<home>/models` if not set."""
    offline: bool = False
    """Refuse to download models; nothing but `dataflux models pull` ever does."""
    text_model: str = "auto"
    """The encoder of texts: a model's name, `fallback`, or `auto`: the best that lies here."""
    visual_model: str = "auto"
    """The encoder of pictures, likewise."""
    speech_model: str = "auto"
    """The recognizer of speech, likewise."""
    object_model: str = "auto"
    """The detector of objects: a model's name, `off`, or `auto`: the best that lies here."""
    face_model: str = "off"
    """The detector of faces, likewise; it runs only for tenants that have consented."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where encoders compute; `auto`: on a GPU if onnxruntime can."""
    encoder_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1)
    )
    """How many batches an encoder computes at a time on processors; one for each core."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least serious that is logged."""
    log_format: Format = "auto"
    """`json`, `plain` for a person, or `auto`: plain on a terminal."""
    rest_s: Seconds = 0.5
    """How long a file in the inbox must have rested before it is taken."""

    failpoints: str = ""
    """For tests: places where this process dies, stops or fails; refused unless it listens here."""

    @field_validator("failpoints")
    @classmethod
    def _only_in_a_test(cls, value: str, info: ValidationInfo) -> str:
        failpoints.parse(value)
        if value and info.data.get("host") not in LOOPBACK:
            raise ValueError("must not be armed where others are served")
        return value

    @field_validator("kafka_ca", "kafka_certificate")
    @classmethod
    def _with_tls(cls, value: str, info: ValidationInfo) -> str:
        if value and not info.data.get("kafka_tls", True):
            raise ValueError("is of no use without DATAFLUX_KAFKA_TLS=true")
        return value

    @field_validator("kafka_key")
    @classmethod
    def _with_its_certificate(cls, value: str, info: ValidationInfo) -> str:
        if value and not info.data.get("kafka_certificate", True):
            raise ValueError("is of no use without DATAFLUX_KAFKA_CERTIFICATE")
        return value

    @field_validator("kafka_user", "kafka_password")
    @classmethod
    def _with_sasl(cls, value: str, info: ValidationInfo) -> str:
        mechanism = info.data.get("kafka_sasl")
        if mechanism is not None and bool(mechanism) != bool(value):
            raise ValueError(
                f"is needed for {mechanism}"
                if mechanism
                else "is of no use without DATAFLUX_KAFKA_SASL"
            )
        return value

    @field_validator("renew_s")
    @classmethod
    def _before_the_lease_ends(cls, value: float, info: ValidationInfo) -> float:
        lease = info.data.get("lease_s", value + 1)
        if value >= lease:
            raise ValueError(f"must be less than the lease of {lease:g} s")
        return value

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Self:
        """Read the settings: what is given beats the environment, which beats the defaults.

        An empty variable counts as not set. Raises Invalid that names every bad variable.
        """
        environ = os.environ if environ is None else environ
        known = {variable(name): name for name in cls.model_fields}
        found = {known[name]: value for name, value in environ.items() if name in known and value}
        try:
            return cls(**{**found, **{k: v for k, v in given.items() if v is not None}})
        except ValidationError as error:
            fields = {variable(str(e["loc"][0])): _problem(e["msg"]) for e in error.errors()}
            listed = "; ".join(f"{name}: {problem}" for name, problem in fields.items())
            raise Invalid(f"settings: {listed}; see docs/settings.md", fields) from None

    def to_env(self) -> dict[str, str]:
        """Return the variables that make the same settings in another process."""
        said = {name: value for name, value in self if value is not None}
        return {
            variable(name): ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in said.items()
        }

    @property
    def watched(self) -> Path:
        return self.inbox or self.home / "inbox"

    @property
    def model_folder(self) -> Path:
        return self.models or self.home / "models"


def variable(setting: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + setting.upper()


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the variables that look like settings but are none: misspelt, or of the past."""
    environ = os.environ if environ is None else environ
    known = {variable(name) for name in Settings.model_fields} | CLIENT
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def _problem(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "should be")
