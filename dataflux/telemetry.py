"""What runs tell: structured logs, trace context, metrics. Never secrets, never content."""

import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Literal, Protocol

import orjson
from prometheus_client import Counter, Gauge, Histogram

CONTEXT = ("trace", "tenant", "asset", "run", "piece", "function", "lane")
"""What a log record may carry besides its message: logging's `extra`."""

BUCKETS = (0.005, 0.02, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

WORK = Histogram(
    "dataflux_work_seconds",
    "How long a step ran.",
    ("function", "lane", "outcome"),
    buckets=BUCKETS,
)
WAIT = Histogram(
    "dataflux_queue_wait_seconds",
    "How long an event waited before it was first handled.",
    ("function", "lane"),
    buckets=BUCKETS,
)
DEPTH = Gauge("dataflux_queue_depth", "Messages not yet handled.", ("function", "topic"))
DEAD = Counter("dataflux_dead_letters_total", "Messages given up.", ("function",))
DROPPED = Counter("dataflux_dropped_events_total", "Optional events not published.", ("type",))
REQUESTS = Histogram(
    "dataflux_request_seconds", "How long a request took.", ("route", "status"), buckets=BUCKETS
)
SEALED = Gauge(
    "dataflux_sandbox_layer", "Whether a layer of the decode sandbox is in force.", ("layer",)
)

Format = Literal["auto", "json", "plain"]
"""`auto`: lines for a person on a terminal, else JSON."""


class Traced(Protocol):
    """An event, or whatever else carries extensions."""

    @property
    def extensions(self) -> Mapping[str, str]: ...


def traceparent(trace: str, span: str) -> str:
    """Return a W3C trace context: 32 hex digits of the trace, 16 of the span."""
    return f"00-{trace}-{span}-01"


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def trace_of(event: Traced) -> str | None:
    """Return the trace that an event belongs to."""
    found = _TRACEPARENT.fullmatch(event.extensions.get("traceparent", ""))
    return found[1] if found and found[1].strip("0") else None


def configure(level: str = "INFO", form: Format = "auto", *, stream: IO[str] | None = None) -> None:
    """Log to `stream` (standard error) from now on."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    plain = stream.isatty() if form == "auto" else form == "plain"
    handler.setFormatter(_Plain() if plain else _Json())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "watchdog", "uvicorn", "psycopg.pool"):
        logging.getLogger(chatty).setLevel("WARNING")


_SECRETS = (
    (re.compile(r"\bdf_[A-Za-z0-9_-]{20,}"), "df_***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token|api_key)(\s*[=:]\s*)[^\s&,;'\"]+"),
        r"\1\2***",
    ),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@"), r"\1***@"),
)


def without_secrets(text: str) -> str:
    """Return a text with tokens and passwords struck out, whoever put them there."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _printable(record.getMessage()),
            **{name: vars(record)[name] for name in CONTEXT if name in vars(record)},
        }
        if record.exc_info:
            line["error"] = _printable(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str).decode()


def _printable(text: str) -> str:
    """Strike out secrets, and spell out what is no Unicode: names of files may be any bytes."""
    return without_secrets(text).encode(errors="backslashreplace").decode()


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))
