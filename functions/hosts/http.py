"""What a function answers over HTTP, whatever serves it: one status for each kind of end."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import orjson

from dataflux import telemetry
from dataflux.errors import Invalid, TooLarge, Unavailable
from events.event import PREFIX, Event
from events.http import from_http
from functions.deps import Deps
from functions.disposition import Disposition, guarded
from functions.targets import Kind, Target
from schemas.names import Lane

log = logging.getLogger(__name__)

STATUS = {
    Disposition.DONE: 200,
    Disposition.RETRY: 503,
    Disposition.INVALID: 422,
    Disposition.FAILED: 500,
}
"""Knative tries 5xx and 429 again, and gives all else up at once; never 404, 408 or 409.

A piece that another worker holds is done as far as this delivery goes: 200. Should the holder die,
`reconcile` announces the piece again.
"""
PING = "dev.knative.sources.ping"
"""What PingSource sends. Its data is ours, its type is not for us to choose."""
LANES = frozenset(Lane)
DETAIL = 200
"""Characters of an explanation: Knative keeps the first KiB of an answer in the dead letter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a short body without internals, and headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, title: str, detail: str = "") -> Answer:
    """Return a problem (RFC 9457); Knative copies the header `kne-dfreason` to a dead letter."""
    said = {"title": title, "status": status}
    if detail:
        said["detail"] = detail[:DETAIL].encode("ascii", "replace").decode()
    headers = {"content-type": "application/problem+json", "kne-dfreason": title.replace(" ", "-")}
    return Answer(status, orjson.dumps(said), headers)


NOTHING_TO_SAY = Answer(200)
NO_METHOD = problem(405, "method not allowed", "events are posted")
TOO_MUCH = problem(413, "too large", "an event carries references; put its content elsewhere")
OVERLOADED = replace(
    (_full := problem(429, "overloaded")), headers={**_full.headers, "retry-after": "1"}
)


def answer(
    target: Target, deps: Callable[[], Deps], headers: Mapping[str, str], body: bytes
) -> Answer:
    """Read the events of a request, run the function on them, and say how that ended."""
    if target.kind in (Kind.RAW, Kind.DEAD):
        come = headers if target.kind is Kind.DEAD else topic_named(headers)
        return _told(guarded(lambda: target.take(_built(deps), body, come)))
    try:
        events = from_http(headers, body)
    except TooLarge:
        return TOO_MUCH
    except Invalid as error:
        log.warning("%s refused a request: %s", target.name, error)
        return problem(STATUS[Disposition.INVALID], "invalid", str(error))
    if not events:
        return NOTHING_TO_SAY
    if target.kind is Kind.SWEEPER:
        events = [_tick(event) for event in events]
    return _told(_run(target, deps, events))


def topic_named(headers: Mapping[str, str]) -> str:
    """Return where a message comes from, as far as its sender says so."""
    named = (value for name, value in headers.items() if name.lower() == "ce-source")
    return next(named, "http")[:DETAIL]


def _told(disposition: Disposition) -> Answer:
    """Say how it ended; what was wrong with an event is told, what was wrong in here is not."""
    if disposition == Disposition.DONE:
        return NOTHING_TO_SAY
    detail = disposition.detail if disposition == Disposition.INVALID else ""
    return problem(STATUS[disposition], str(disposition), detail)


def _run(target: Target, deps: Callable[[], Deps], events: Sequence[Event]) -> Disposition:
    began = time.perf_counter()
    disposition = guarded(lambda: target.run(_built(deps), events))
    lane = events[0].extensions.get("lane", "")
    observed = _observed(target.name, lane if lane in LANES else "", disposition)
    observed(time.perf_counter() - began)
    return disposition


@cache
def _observed(function: str, lane: str, disposition: Disposition) -> Callable[[float], None]:
    """Return what counts an end; looking it up by its labels takes longer than counting."""
    return telemetry.WORK.labels(function, lane, disposition).observe


def _built(deps: Callable[[], Deps]) -> Deps:
    """Return the adapters; wrong settings are no fault of the event, which must come again."""
    try:
        return deps()
    except Invalid as error:
        raise Unavailable(f"the adapters cannot be built: {error}") from error


def _tick(event: Event) -> Event:
    return replace(event, type=f"{PREFIX}timer.tick") if event.type == PING else event
