"""Named places where a test may end, stop or fail this process; they do nothing unless armed.

After FreeBSD's fail(9): one call in the code at each place, armed from outside, by a setting.
"""

import logging
import os
import re
import signal
import threading
from dataclasses import dataclass
from enum import StrEnum

from dataflux.errors import Unavailable

log = logging.getLogger(__name__)

PLACES = {
    "intake.began": "an upload is about to be stored",
    "objects.written": "the bytes of an object are on the disk, under no name yet",
    "intake.stored": "the bytes of an upload are stored, and nobody has been told",
    "write.committing": "within the transaction of a request",
    "write.committed": "a request is committed, its events are not published",
    "bus.appended": "records are in the log, and not synced",
    "publish.sent": "events are published, their outbox row is still there",
    "relay.taken": "the relay has taken rows, and published none of them",
    "relay.published": "the relay has published rows, and not forgotten them",
    "relay.deleted": "the relay has forgotten rows, in a transaction that is open",
    "step.claimed": "a piece is leased, its handler has not begun",
    "step.ran": "a handler has run, and nothing of it is committed",
    "step.committing": "within the transaction of a step",
    "step.committed": "a step is committed, its events are not published",
    "consume.ran": "a consumer has run (vectors are indexed), its inbox is not committed",
    "consume.committing": "within the transaction of a consumer",
    "consume.committed": "a consumer is committed, its events are not published",
    "host.ran": "a message is handled, and not acknowledged",
    "host.acknowledged": "a message is acknowledged, and the offset not written",
    "host.burying": "a dead letter is about to be kept",
}
"""Every place by its name."""


class Action(StrEnum):
    """`kill` and `stop` send the signal to this process; `fail` raises Unavailable."""

    KILL = "kill"
    STOP = "stop"
    FAIL = "fail"


@dataclass
class Armed:
    """What happens at a place, from one passing to another, counted from 1."""

    action: Action
    first: int
    last: int
    passed: int = 0


_armed: dict[str, Armed] = {}
_lock = threading.Lock()
_SPEC = re.compile(r"([a-z.]+):([a-z]+)(?:@(\d+)(?:-(\d+))?)?")


def parse(text: str) -> dict[str, Armed]:
    """Read `step.ran:kill@3,host.burying:fail@1-20`; raise ValueError that names what is wrong."""
    return dict(_parsed(each.strip()) for each in text.split(",") if each.strip())


def _parsed(text: str) -> tuple[str, Armed]:
    found = _SPEC.fullmatch(text)
    if not found or found[2] not in set(Action):
        raise ValueError(f"{text!r} is none; write PLACE:kill|stop|fail[@FIRST[-LAST]]")
    if found[1] not in PLACES:
        raise ValueError(f"no place {found[1]!r}; known: {', '.join(PLACES)}")
    first = int(found[3] or 1)
    return found[1], Armed(Action(found[2]), first, int(found[4] or first))


def arm(text: str) -> None:
    """Arm the places of a specification, and no others from now on."""
    armed = parse(text)
    _armed.clear()
    _armed.update(armed)
    if armed:
        log.warning("failpoints are armed: %s", text)


def failpoint(place: str) -> None:
    """Mark a place; raise Unavailable or signal this process if it is armed and it is time."""
    if _armed:
        _pass(place)


def _pass(place: str) -> None:
    armed = _armed.get(place)
    if armed is None:
        return
    with _lock:
        armed.passed += 1
        due = armed.first <= armed.passed <= armed.last
    if not due:
        return
    match armed.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Action.FAIL:
            raise Unavailable(f"failpoint {place}")
