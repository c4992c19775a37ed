"""How much waits for each function: a metric, and a fact when it is too much."""

from collections.abc import Sequence

from dataflux import telemetry
from events.event import PREFIX, Event
from functions.deps import Deps

LOOK_S = 5.0
TOO_MUCH = 1000
"""Messages of one topic that wait for one function."""
ENOUGH = TOO_MUCH // 2
"""It is told again only after it has been less than this."""


class LagWatch:
    """Looks after the groups of some functions."""

    def __init__(self, deps: Deps, functions: Sequence[str]) -> None:
        self._deps, self._functions = deps, functions
        self._told: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Measure, and tell of what has become too much since the last look."""
        for function in self._functions:
            for topic, waiting in self._deps.bus.lag(function).items():
                telemetry.DEPTH.labels(function, topic).set(waiting)
                self._judge(function, topic, waiting)

    def _judge(self, function: str, topic: str, waiting: int) -> None:
        place = (function, topic)
        if waiting < ENOUGH:
            self._told.discard(place)
        elif waiting > TOO_MUCH and place not in self._told:
            self._told.add(place)
            self._tell(function, topic, waiting)

    def _tell(self, function: str, topic: str, waiting: int) -> None:
        deps = self._deps
        event = Event(
            id=str(deps.ids.token()),
            type=f"{PREFIX}queue.threshold_exceeded",
            source=f"/dataflux/{function}",
            time=deps.clock.now(),
            data={"topic": topic, "waiting": waiting},
            subject=topic,
            extensions={"partitionkey": topic},
        )
        deps.bus.publish([event])
