"""The trace that a request belongs to: its sender's, or a new one."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from dataflux.telemetry import trace_of

_TRACE: ContextVar[str] = ContextVar("trace", default="")


@dataclass(frozen=True)
class _Sent:
    extensions: Mapping[str, str]


def begin(scope: Mapping[str, Any], fresh: str) -> None:
    """Take the trace of a `traceparent` header, else a fresh one."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    _TRACE.set(trace_of(_Sent({"traceparent": headers.get(b"traceparent", "")})) or fresh)


def current() -> str:
    """Return the trace of the request under way."""
    return _TRACE.get()
