"""What runs tell: structured logs, trace context, metrics. Never secrets, never content."""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Protocol

import orjson
from prometheus_client import Counter, Gauge, Histogram

CONTEXT = ("trace", "tenant", "asset", "run", "piece", "function", "lane")
"""What a log record may carry besides its message: logging's `extra`."""

BUCKETS = (0.005, 0.02, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

WORK = Histogram(
    "dataflux_work_seconds", "How long a step ran.", ("function", "outcome"), buckets=BUCKETS
)
WAIT = Histogram(
    "dataflux_queue_wait_seconds", "How long a message waited.", ("function",), buckets=BUCKETS
)
DEPTH = Gauge("dataflux_queue_depth", "Messages not yet handled.", ("function", "topic"))
DEAD = Counter("dataflux_dead_letters_total", "Messages given up.", ("function",))
REQUESTS = Histogram(
    "dataflux_request_seconds", "How long a request took.", ("route", "status"), buckets=BUCKETS
)


class Traced(Protocol):
    """An event, or whatever else carries extensions."""

    @property
    def extensions(self) -> Mapping[str, str]: ...


def traceparent(trace: str, span: str) -> str:
    """Return a W3C trace context: 32 hex digits of the trace, 16 of the span."""
    return f"00-{trace}-{span}-01"


def trace_of(event: Traced) -> str | None:
    """Return the trace that an event belongs to."""
    parts = event.extensions.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None


def configure(level: str = "INFO", *, stream: IO[str] | None = None) -> None:
    """Log to `stream` (standard error): lines for a person on a terminal, else JSON."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Plain() if stream.isatty() else _Json())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "watchdog", "uvicorn.access", "psycopg.pool"):
        logging.getLogger(chatty).setLevel("WARNING")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: vars(record)[name] for name in CONTEXT if name in vars(record)},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
