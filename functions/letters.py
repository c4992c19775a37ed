"""What becomes of what was given up: it is delivered again, processed again, or dropped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection

from dataflux.errors import Conflict, DataFluxError, Invalid
from dataflux.permissions import Caller
from events import codec
from events.event import Event
from functions.deps import Deps
from functions.notify import handler as notify
from functions.rerun import rerun
from functions.targets import BY_NAME
from schemas.names import AssetStatus
from stores.records import assets, dead_letters
from stores.records.dead_letters import StoredLetter

T = TypeVar("T")
ONLY = "onlyfor"


class Action(StrEnum):
    """Retry: the function that gave it up. Replay: all that take the event. Discard: nobody."""

    RETRY = "retry"
    REPLAY = "replay"
    DISCARD = "discard"


STATES = {Action.RETRY: "retried", Action.REPLAY: "replayed", Action.DISCARD: "discarded"}


@dataclass(frozen=True)
class Settled:
    """A letter and, if nothing could be done with it, why."""

    letter: StoredLetter
    refused: str | None = None


def read(deps: Deps, caller: Caller, query: Callable[..., T], *given: Any, **named: Any) -> T:
    """Run a query over the letters that the caller may see: their tenant's, or all there are."""
    if not caller.spans_tenants:
        return deps.engine.read(caller.tenant, query, *given, **named)
    with deps.engine.system("admin") as conn:
        return query(conn, *given, **named)


def settle(
    deps: Deps, letters: Sequence[StoredLetter], action: Action, *, dry_run: bool
) -> list[Settled]:
    """Do one thing with each letter, or only say whether it could be done."""
    done: set[UUID] = set()
    found = []
    for letter in letters:
        try:
            if letter.kind == "piece":
                _piece(deps, letter, action, done, dry_run=dry_run)
            else:
                _message(deps, letter, action, dry_run=dry_run)
            found.append(Settled(letter))
        except DataFluxError as error:  # of one letter: the others go their way
            found.append(Settled(letter, str(error)))
    return found


def _message(deps: Deps, letter: StoredLetter, action: Action, *, dry_run: bool) -> None:
    again = None
    if action is not Action.DISCARD and letter.function == notify.FUNCTION:
        _notify_again(deps, letter, dry_run=dry_run)
    elif action is not Action.DISCARD:
        again = _again(deps, letter, action)
    if dry_run:
        return
    if not deps.engine.settle(letter.id, STATES[action], again):
        raise Conflict(f"letter {letter.id} is not dead any more; nothing to do")


def _notify_again(deps: Deps, letter: StoredLetter, *, dry_run: bool) -> None:
    """Take a store's message in once more: it is no event of ours, and on no bus."""
    if dry_run:
        return
    if problems := notify.take(_bytes_of(deps, letter), deps).problems:
        raise Invalid(problems[0][1])


def _again(deps: Deps, letter: StoredLetter, action: Action) -> Event:
    """Return the event to deliver: the same one, so that who has had it does nothing."""
    event = codec.loads(_bytes_of(deps, letter))
    target = BY_NAME.get(letter.function)
    if target is None:
        raise Invalid(f"there is no function {letter.function} any more; discard the letter")
    target.check(event)
    extensions = {name: value for name, value in event.extensions.items() if name != ONLY}
    if action is Action.RETRY:
        extensions[ONLY] = letter.function
    return replace(event, extensions=extensions)


def _bytes_of(deps: Deps, letter: StoredLetter) -> bytes:
    with deps.engine.system("admin") as conn:
        return dead_letters.bytes_of(conn, letter.id)


def _piece(
    deps: Deps, letter: StoredLetter, action: Action, done: set[UUID], *, dry_run: bool
) -> None:
    """Process the asset of a failed piece once more: one new run, however many pieces failed."""
    if action is Action.DISCARD:
        raise Invalid("a failed piece stays with its asset; retry it or delete the asset")
    assert letter.tenant is not None
    assert letter.asset is not None
    if letter.asset in done:
        return
    asset = deps.engine.read(letter.tenant, assets.get, letter.asset)
    if asset.processing_status in (AssetStatus.UPLOADED, AssetStatus.PROCESSING):
        raise Conflict(f"asset {asset.id} is being processed; wait until it has ended")
    if not dry_run:
        rerun(deps, letter.tenant, asset)
    done.add(letter.asset)


def show(conn: Connection[Any], letter: UUID) -> tuple[StoredLetter, bytes]:
    """Return a letter with its message as it came."""
    return dead_letters.get(conn, letter), dead_letters.bytes_of(conn, letter)
