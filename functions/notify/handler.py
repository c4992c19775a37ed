"""Take in what object stores tell of new objects; what is not understood is kept, not lost."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import NAMESPACE_OID, UUID, uuid5

from dataflux.errors import Invalid, ObjectMissing
from events.notifications import Created, Notice, read
from functions.arrive import arrive
from functions.deps import Deps
from schemas.names import Undelivered
from stores.objects.s3_place import Place
from stores.records import sources
from stores.records.dead_letters import DeadLetter
from stores.records.sources import Registered

log = logging.getLogger(__name__)

FUNCTION = "notify"
TAKEN, KNOWN, IGNORED, KEPT = "taken", "known", "ignored", "kept"


@dataclass
class Told:
    """What became of the notices of one message: how many of each end, and what was wrong."""

    counts: Counter[str] = field(default_factory=lambda: Counter({TAKEN: 0, KNOWN: 0, IGNORED: 0}))
    problems: list[tuple[Undelivered, str]] = field(default_factory=list)

    def problem(self, reason: Undelivered, detail: str) -> None:
        self.problems.append((reason, detail))


def handle(raw: bytes, deps: Deps, topic: str, only: Registered | None = None) -> dict[str, int]:
    """Announce the new objects that a message tells of; return how many, and what of the others.

    `only`: the source that the sender may tell of. What cannot be taken in is kept as a dead
    letter. Raises Unavailable if the store cannot be asked: the message must come again.
    """
    told = take(raw, deps, only)
    if told.problems:
        _keep(raw, deps, topic, told.problems, only.tenant_id if only else None)
    return {**told.counts, KEPT: len(told.problems)}


def take(raw: bytes, deps: Deps, only: Registered | None = None) -> Told:
    """Announce the new objects of a message; say of the others what is wrong with them."""
    told = Told()
    try:
        notices: Sequence[Notice] = read(raw)
    except Invalid as error:
        told.problem(Undelivered.INVALID_EVENT, str(error))
        return told
    for notice in notices:
        if not isinstance(notice, Created) or _brings_nothing(notice, deps):
            told.counts[IGNORED] += 1
        else:
            _take(notice, deps, only, told)
    return told


def _brings_nothing(notice: Created, deps: Deps) -> bool:
    """Whether it is a folder's marker, or an object of our own."""
    if not deps.settings.objects.startswith("s3:"):
        return notice.key.endswith("/")
    ours = Place.of(deps.settings.objects)
    own = notice.bucket == ours.bucket and notice.key.startswith(ours.prefix)
    return own or notice.key.endswith("/")


def _take(notice: Created, deps: Deps, only: Registered | None, told: Told) -> None:
    with deps.engine.system("admin") as conn:
        source = sources.at(conn, notice.bucket, notice.key)
    if source is None:
        where = f"{notice.bucket}/{notice.key}"[:200]
        why = f"no source takes what comes in at {where}; add one, and retry this letter"
        told.problem(Undelivered.UNKNOWN_SOURCE, why)
    elif only is not None and source.id != only.id:
        told.counts[IGNORED] += 1  # a store tells all it has: the other source has its own secret
    else:
        _arrive(notice, deps, source, told)


def _arrive(notice: Created, deps: Deps, source: Registered, told: Told) -> None:
    try:
        new = arrive(deps, source.tenant_id, source.source, notice)
    except ObjectMissing as error:
        log.info("gone before it was taken in: %s", error)
        told.counts[IGNORED] += 1
    except Invalid as error:
        told.problem(Undelivered.INVALID_EVENT, str(error))
    else:
        told.counts[TAKEN if new else KNOWN] += 1


def give_up(raw: bytes, deps: Deps, topic: str, why: str) -> None:
    """Keep a message whose handling has failed again and again."""
    _keep(raw, deps, topic, [(Undelivered.FUNCTION_FAILED, why)], None)


def _keep(
    raw: bytes,
    deps: Deps,
    topic: str,
    problems: Sequence[tuple[Undelivered, str]],
    tenant: UUID | None,
) -> None:
    made = letter(raw, topic, problems, deps.clock.now(), tenant)
    log.warning("kept as dead letter %s: %s", made.id, made.detail)
    deps.engine.bury(made)


def letter(
    raw: bytes,
    topic: str,
    problems: Sequence[tuple[Undelivered, str]],
    now: datetime,
    tenant: UUID | None = None,
) -> DeadLetter:
    """Return what is kept of a message, as it came; the same one again is the same letter."""
    reason, _ = problems[0]
    return DeadLetter(
        id=uuid5(NAMESPACE_OID, f"{FUNCTION}/{topic}/{reason}/{sha256(raw).hexdigest()}"),
        tenant=tenant,
        function=FUNCTION,
        topic=topic,
        event=raw,
        reason=reason,
        detail="; ".join(detail for _, detail in problems)[:500],
        first_at=now,
        last_at=now,
        origin={"topic": topic},
    )
