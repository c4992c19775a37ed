"""Deliver what an asset was processed by once more: new ids, the same pieces, no row twice."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from dataflux.clock import Clock, IdFactory
from dataflux.errors import Invalid
from events.event import Event
from events.topics import topic_of
from functions import history
from functions.deps import Deps
from functions.history import Wanted
from functions.targets import BY_NAME, TARGETS
from stores.records import lineages, runs
from stores.records.assets import Asset

STEPS = tuple(target.name for target in TARGETS if target.topics)
"""The functions that take events, in the order of the flow."""


def again(event: Event, clock: Clock, ids: IdFactory) -> Event:
    """Return a new delivery of an event: `replayof` names the first one, whoever replayed it."""
    extensions = {
        **event.extensions,
        "sequence": f"{clock.time_ns():020}",
        "replayof": event.extensions.get("replayof", event.id),
    }
    return replace(event, id=str(ids.token()), time=clock.now(), extensions=extensions)


def deliveries(deps: Deps, tenant: UUID, asset: Asset, first: str = STEPS[0]) -> list[Event]:
    """Return what functions were sent for an asset's latest run, from function `first` on.

    In the order of the flow, each event once, replays left out.
    """
    if first not in STEPS:
        raise Invalid(
            f"no function {first!r} takes events; use one of {', '.join(STEPS)}",
            {"from": "is not known"},
        )
    topics = tuple(topic for name in STEPS for topic in BY_NAME[name].topics)
    later = topics[topics.index(BY_NAME[first].topics[0]) :]
    latest = deps.engine.read(tenant, runs.of_asset, asset.id)
    since = max((run.created_at for run in latest if run.scope is None), default=asset.created_at)
    born = deps.engine.read(tenant, lineages.born, asset.lineage) or asset.created_at
    wanted = Wanted(tenant, topics, asset.lineage)
    events = sorted(_kept(deps, wanted, born), key=lambda event: event.time)
    found: dict[str, Event] = {}
    for event in without_replays(events):
        if topic_of(event) in later and _is_of(event, asset, since):
            found.setdefault(event.id, event)
    return sorted(found.values(), key=lambda event: topics.index(topic_of(event)))


def without_replays(events: Iterable[Event]) -> Iterator[Event]:
    """Yield those of events, in the order of time, that no replay is or has led to."""
    replays: set[str] = set()
    for event in events:
        if "replayof" in event.extensions or event.extensions.get("causationid") in replays:
            replays.add(event.id)
        else:
            yield event


def _kept(deps: Deps, wanted: Wanted, born: datetime) -> Iterator[Event]:
    begin = history.of(deps.bus, wanted.topics, born)
    return (d.event for d in history.everything(deps.bus, wanted, begin) if d.event is not None)


def _is_of(event: Event, asset: Asset, since: datetime) -> bool:
    """Say whether an event belongs to the latest run of this version, or brought it in."""
    if event.name == "object.created":
        return event.data.get("key") == asset.storage_path
    subject = f"{event.subject}/"
    about = subject.startswith((f"assets/{asset.id}/", f"assets/{asset.lineage}/"))
    return about and event.time >= since


def replay(deps: Deps, events: list[Event]) -> list[Event]:
    """Publish new deliveries of some events; return them."""
    sent = [again(event, deps.clock, deps.ids) for event in events]
    deps.bus.publish(sent)
    return sent
