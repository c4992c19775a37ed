"""Events of steps, consumers and requests: what they are about, and what their envelope says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from dataflux.clock import Clock, IdFactory
from dataflux.errors import Invalid
from dataflux.telemetry import trace_of, traceparent
from events.event import MAX_HOPS, PREFIX, Event
from events.types import validate
from functions.work import Fact
from schemas.names import Lane, Stage


@dataclass(frozen=True)
class About:
    """What the events of one step are about."""

    source: str
    tenant: UUID
    lineage: UUID
    asset: UUID
    lane: Lane | None = None
    cause: Event | None = None


class Step(Protocol):
    """A claimed piece, as far as its events name it."""

    @property
    def stage(self) -> str: ...
    @property
    def lane(self) -> str: ...
    @property
    def lineage(self) -> UUID: ...
    @property
    def asset(self) -> UUID: ...


def about_step(cause: Event, step: Step) -> About:
    """Say what the events of a step are about."""
    tenant = UUID(cause.extensions["tenantid"])
    return About(str(step.stage), tenant, step.lineage, step.asset, Lane(step.lane), cause)


def about_fact(source: str, tenant: UUID, fact: Fact, cause: Event | None) -> About:
    """Say what a fact of a consumer or a request is about: it names that itself."""
    lineage = fact.lineage
    if lineage is None and cause is not None:
        lineage = UUID(cause.extensions["entityid"])
    if lineage is None:
        raise Invalid(f"fact {fact.name} names no lineage")
    return About(source, tenant, lineage, fact.asset or lineage, fact.lane, cause)


@dataclass(frozen=True)
class Announcer:
    """Builds events; the same clock and ids build the same ones."""

    clock: Clock
    ids: IdFactory

    def fact(self, fact: Fact, about: About) -> Event:
        """Return the event that says what has happened; raise Invalid for data not of its type."""
        event = self._event(fact.name, fact.data, about, segment=fact.segment, id=fact.id)
        validate(event)
        return event

    def work(self, about: About, run: UUID, stage: Stage, piece: UUID) -> Event:
        """Return the event that asks a worker to claim a piece."""
        data = {"piece": str(piece), "run": str(run), "stage": str(stage)}
        return self._event(f"work.{stage}", data, about, key=str(piece))

    def _event(
        self,
        name: str,
        data: Mapping[str, Any],
        about: About,
        *,
        segment: UUID | None = None,
        key: str | None = None,
        id: UUID | None = None,
    ) -> Event:
        token = self.ids.token()
        subject = f"assets/{about.asset}" + (f"/segments/{segment}" if segment else "")
        return Event(
            id=str(id or token),
            type=PREFIX + name,
            source=f"/dataflux/{about.source}",
            time=self.clock.now(),
            data=data,
            subject=subject,
            extensions=self._extensions(name, about, token, key or str(about.lineage)),
        )

    def _extensions(self, name: str, about: About, token: UUID, key: str) -> dict[str, str]:
        extensions = {
            "tenantid": str(about.tenant),
            "entityid": str(about.lineage),
            "partitionkey": key,
            "sequence": f"{self.clock.time_ns():020}",
            "hops": str(_hops(name, about.cause)),
            "traceparent": traceparent(_trace(about), token.hex[:16]),
        }
        if about.lane is not None:
            extensions["lane"] = str(about.lane)
        if about.cause is not None:
            extensions["causationid"] = about.cause.id
        return extensions


def _hops(name: str, cause: Event | None) -> int:
    """Return how many events led to this one; a chain that grows and grows is a loop."""
    hops = 0 if cause is None else int(cause.extensions.get("hops", "0")) + 1
    if hops > MAX_HOPS:
        raise Invalid(f"{name}: the chain of causes is {hops} events long; it is a loop")
    return hops


def _trace(about: About) -> str:
    return (about.cause and trace_of(about.cause)) or about.asset.hex
