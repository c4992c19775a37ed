"""The event functions: what each one listens to, and how its handler is run."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

from dataflux.errors import Invalid
from events.event import Event
from events.topics import fact_topic, object_topic, topic_of, work_topic
from events.types import validate
from functions.deps import Deps
from functions.disposition import Disposition, guarded
from schemas.names import Lane, Stage


class Kind(Enum):
    """How a handler is run: a claimed piece, a batch of facts behind an inbox, or a tick.

    A raw one takes messages of others, that are no events of ours and on no topic. One for the
    dead takes what a dispatcher of the cluster has given up, whatever it is.
    """

    STEP = auto()
    CONSUMER = auto()
    SWEEPER = auto()
    RAW = auto()
    DEAD = auto()


@dataclass(frozen=True)
class Target:
    """One event function; `heavy` ones decode or infer, and take a CPU slot.

    One that is `warm` is ready only when the models that it infers with are loaded.
    """

    name: str
    kind: Kind
    topics: tuple[str, ...]
    batch: int = 1
    heavy: bool = False
    warm: bool = False

    def run(self, deps: Deps, events: Sequence[Event]) -> Disposition:
        """Check that the events are this target's and valid, and run the handler on them."""
        return guarded(partial(self._run, deps, events))

    def _run(self, deps: Deps, events: Sequence[Event]) -> Disposition:
        for event in events:
            self.check(event)
        mine = [event for event in events if self._is_for_this(event)]
        if not mine:
            return Disposition.DONE
        if self.batch > 1:
            return self._handle(deps, mine)
        return max((self._handle(deps, [event]) for event in mine), key=_WORSE.index)

    def _is_for_this(self, event: Event) -> bool:
        """Return whether this function is meant: a retry is for the one that gave the event up."""
        return event.extensions.get("onlyfor", self.name) == self.name

    def _handle(self, deps: Deps, events: Sequence[Event]) -> Disposition:
        handle = self.handler()
        match self.kind:
            case Kind.STEP:
                return deps.engine.step(events[0], lambda work: handle(work, deps))
            case Kind.CONSUMER:
                return deps.engine.consume(
                    self.name, events, lambda new, read: handle(new, deps, read)
                )
            case Kind.SWEEPER:
                handle(events[0], deps)
                return Disposition.DONE
            case Kind.RAW | Kind.DEAD:
                raise Invalid(f"{self.name} takes messages of others, no events")

    def take(self, deps: Deps, message: bytes, come: str | Mapping[str, str]) -> Disposition:
        """Run the handler on a message that is no event of ours.

        `come`: for a raw function the topic that it came on; for the dead, its headers.
        """
        return guarded(lambda: self.handler()(message, deps, come) and None)

    def check(self, event: Event) -> None:
        """Raise Invalid for an event that is not valid, or that belongs to another function."""
        validate(event)
        wanted = self.topics or (fact_topic("timer.tick"),)
        if topic_of(event) not in wanted:
            raise Invalid(f"{self.name} does not take {event.type}; it takes {', '.join(wanted)}")
        for name in ("tenantid", "entityid") if self.topics else ():
            _check_id(event, name)

    def handler(self) -> Callable[..., Any]:
        """Import the handler on first use: a process pays only for what it serves."""
        with _LOOKED_UP:
            if self.name in _REPLACED:
                return _REPLACED[self.name]
            handle: Callable[..., Any] = import_module(f"functions.{self.name}.handler").handle
            return handle


_REPLACED: dict[str, Callable[..., Any]] = {}
_LOOKED_UP = threading.RLock()
"""Who has found no replacement has imported before there is one."""


def replace(name: str, handle: Callable[..., Any]) -> None:
    """Have a function go on with another handler; what runs ends with the one it has."""
    with _LOOKED_UP:
        _REPLACED[name] = handle


_WORSE = (Disposition.DONE, Disposition.INVALID, Disposition.RETRY, Disposition.FAILED)


def _check_id(event: Event, name: str) -> None:
    try:
        UUID(event.extensions[name])
    except (KeyError, ValueError):
        raise Invalid(f"event {event.id!r} has no valid {name}", {name: "is no UUID"}) from None


def _work(*stages: Stage) -> tuple[str, ...]:
    return tuple(work_topic(stage, lane) for stage in stages for lane in Lane)


def _facts(*names: str) -> tuple[str, ...]:
    return tuple(f"dataflux.{name}" for name in names)


TARGETS = (
    Target("ingest", Kind.CONSUMER, tuple(map(object_topic, Lane)), heavy=True),
    Target("segment", Kind.STEP, _work(Stage.SEGMENT), heavy=True),
    Target("stitch", Kind.STEP, _work(Stage.STITCH, Stage.CHAPTERS)),
    Target("analyze", Kind.STEP, _work(Stage.ANALYZE), heavy=True),
    Target("embed", Kind.STEP, _work(Stage.EMBED_VISUAL, Stage.EMBED_TEXT), heavy=True, warm=True),
    Target("project", Kind.CONSUMER, _facts("segment.embedded"), batch=64),
    Target(
        "relate",
        Kind.CONSUMER,
        _facts("segment.indexed", "asset.processing_completed"),
        batch=16,
    ),
    Target("relay", Kind.SWEEPER, ()),
    Target("reconcile", Kind.SWEEPER, ()),
    Target("notify", Kind.RAW, ()),
    Target("bury", Kind.DEAD, ()),
)
BY_NAME = {target.name: target for target in TARGETS}
