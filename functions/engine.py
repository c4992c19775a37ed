"""The step engine: claim, run, commit, publish. The only place that opens a transaction."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from psycopg import Connection

from dataflux.clock import Clock, IdFactory
from dataflux.errors import DataFluxError, MediaFailed, ObjectMissing
from dataflux.failpoints import failpoint
from events import codec
from events.bus import Bus
from events.event import Event
from functions.cold import ColdStart
from functions.disposition import Disposition, guarded
from functions.facts import About, Announcer, about_fact, about_step
from functions.lease import Lease
from functions.progress import Progress
from functions.work import Fact, NewRun, Outcome, Read, Work, Write
from schemas.names import Lane, PieceState, Stage
from stores.ports import ObjectInfo, ObjectStore
from stores.records import dead_letters, inbox, outbox, runs, steps, sweeping, tenants
from stores.records.database import Database
from stores.records.insert import insert

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[Work], Outcome]
Consumer = Callable[[Sequence[Event], Read], Outcome]


RELAY_AFTER_S = 2.0
"""Younger outbox rows belong to a worker that is about to publish them."""


@dataclass(frozen=True)
class Engine:
    """Runs handlers as steps: at least once, with an idempotent effect."""

    database: Database
    bus: Bus
    objects: ObjectStore
    clock: Clock
    ids: IdFactory
    lease_s: float = 60.0
    renew_s: float = 20.0
    max_attempts: int = 5
    cold: ColdStart | None = None
    """Of a process that was started for its events."""

    @contextlib.contextmanager
    def session(self, tenant: UUID, role: str = "worker") -> Iterator[Connection[Any]]:
        """Open a transaction as `role`, bound to one tenant."""
        with self.database.connection(role) as conn, conn.transaction():
            conn.execute("SELECT set_config('dataflux.tenant', %s, true)", [str(tenant)])
            yield conn

    @contextlib.contextmanager
    def system(self, role: str) -> Iterator[Connection[Any]]:
        """Open a transaction of a role whose policies span the tenants (relay, admin)."""
        with self.database.connection(role) as conn, conn.transaction():
            yield conn

    def read(
        self,
        tenant: UUID,
        query: Callable[Concatenate[Connection[Any], P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run one query of stores/records for `tenant`."""
        with self.session(tenant, "app") as conn:
            return query(conn, *args, **kwargs)

    def write(
        self,
        source: str,
        tenant: UUID,
        writes: Sequence[Write],
        *,
        facts: Sequence[Fact] = (),
        run: NewRun | None = None,
    ) -> None:
        """Commit what a request changes, with its events; raise Conflict if it came too late."""
        outcome = Outcome(writes=writes, facts=facts, run=run)
        with self.session(tenant, "app") as conn:
            row, events = self._apply(conn, source, tenant, outcome, None)
            failpoint("write.committing")
        failpoint("write.committed")
        self._publish(row, events)

    # -- steps ---------------------------------------------------------------------------------

    def step(self, event: Event, handler: Handler) -> Disposition:
        """Claim the piece that a work message names, run the handler, commit what it did."""
        tenant, piece = UUID(event.extensions["tenantid"]), UUID(event.data["piece"])
        token = self.ids.token()
        claimed = self._claim(event, tenant, piece, token)
        if claimed is None:
            return Disposition.DONE
        with Lease(partial(self._renew, tenant, piece, token), self.renew_s):
            failpoint("step.claimed")
            outcome = self._run(handler, claimed)
        if isinstance(outcome, Exception):
            return self._release(claimed, token, outcome)
        try:
            failpoint("step.ran")
            self._commit(claimed, token, outcome)
        except Exception as error:  # what was committed stays: then there is nothing to release
            return self._release(claimed, token, error)
        return Disposition.DONE

    def _claim(self, event: Event, tenant: UUID, piece: UUID, token: UUID) -> Work | None:
        events: list[Event] = []
        with self.session(tenant) as conn:
            claimed = steps.claim(conn, piece, token, self.lease_s)
            if claimed is steps.Refusal.EXHAUSTED:
                events = self._progress(conn).exhaust(tenant, piece, event)
            elif isinstance(claimed, steps.Claimed):
                events = self._progress(conn).begin(claimed, event)
                if self.cold is not None and (cold_s := self.cold.waited(event)) is not None:
                    steps.note_cold(conn, piece, claimed.attempt, cold_s)
            row = self._outbox(conn, tenant, events)
        self._publish(row, events)
        return (
            self._work(event, tenant, claimed, token)
            if isinstance(claimed, steps.Claimed)
            else None
        )

    def _work(self, event: Event, tenant: UUID, claimed: steps.Claimed, token: UUID) -> Work:
        prefix = (
            f"derived/{tenant}/{claimed.lineage}/{claimed.run}/{claimed.stage}/"
            f"{claimed.piece}-{token}/"
        )

        def put(name: str, data: bytes) -> ObjectInfo:
            return self.objects.put(prefix + name, data)

        return Work(
            tenant=tenant,
            lineage=claimed.lineage,
            asset=claimed.asset,
            run=claimed.run,
            piece=claimed.piece,
            stage=Stage(claimed.stage),
            lane=Lane(claimed.lane),
            index=claimed.index,
            params=claimed.params,
            attempt=claimed.attempt,
            event=event,
            read=self._reader(tenant),
            put=put,
        )

    @staticmethod
    def _run(handler: Handler, work: Work) -> Outcome | Exception:
        try:
            return handler(work)
        except MediaFailed as error:
            return Outcome(failed=error.reason, detail=error.detail, limit=error.limit)
        except ObjectMissing as error:
            return Outcome(failed=error.reason, detail=str(error))
        except Exception as error:  # the host answers 5xx; the piece is released, not lost
            return error

    def _renew(self, tenant: UUID, piece: UUID, token: UUID) -> None:
        with self.session(tenant) as conn:
            steps.extend_lease(conn, piece, token, self.lease_s)

    def _release(self, work: Work, token: UUID, error: Exception) -> Disposition:
        retryable = isinstance(error, DataFluxError) and error.retryable
        if not retryable:
            log.error("step failed", exc_info=error, extra={"piece": str(work.piece)})
        reason = error.reason if isinstance(error, DataFluxError) else None
        with self.session(work.tenant) as conn:
            steps.release(conn, work.piece, token, f"{type(error).__name__}: {error}"[:500], reason)
        return (Disposition.RETRY if retryable else Disposition.FAILED).because(error)

    def _commit(self, work: Work, token: UUID, outcome: Outcome) -> None:
        about = about_step(work.event, work)
        events = [self._announcer.fact(fact, about) for fact in outcome.facts]
        with contextlib.suppress(_Superseded):
            with self.session(work.tenant) as conn:
                live = runs.is_first(conn, work.run)
                insert(conn, work.tenant, outcome.rows, live=live)
                for write in outcome.writes:
                    write.query(conn, *write.args)
                state = self._end_piece(conn, work, token, outcome, events)
                opened: list[Event] = []
                if state.pending == 0:
                    opened = self._progress(conn).close(about, work.run, work.stage)
                row = self._outbox(conn, work.tenant, opened, work.run)
                failpoint("step.committing")
            failpoint("step.committed")
            self._publish(state.outbox, events)
            self._publish(row, opened)

    @staticmethod
    def _end_piece(
        conn: Connection[Any], work: Work, token: UUID, outcome: Outcome, events: Sequence[Event]
    ) -> steps.StageState:
        state = steps.commit_piece(
            conn,
            work.piece,
            token,
            to=PieceState.FAILED if outcome.failed else PieceState.DONE,
            output=outcome.output,
            reason=outcome.failed,
            detail=outcome.detail,
            counts=outcome.counts,
            events=[codec.to_dict(event) for event in events],
        )
        if state is None:
            raise _Superseded
        return state

    # -- consumers -----------------------------------------------------------------------------

    def consume(self, name: str, events: Sequence[Event], handler: Consumer) -> Disposition:
        """Run a fact consumer on those of `events` that it has not had, tenant by tenant."""
        by_tenant: dict[UUID, list[Event]] = {}
        for event in events:
            by_tenant.setdefault(UUID(event.extensions["tenantid"]), []).append(event)

        def all_tenants() -> None:
            for tenant, group in by_tenant.items():
                self._effect(name, tenant, group, handler)

        return guarded(all_tenants)

    def _effect(self, name: str, tenant: UUID, events: Sequence[Event], handler: Consumer) -> None:
        with self.session(tenant) as conn:
            new = inbox.unseen(conn, name, events)
        if not new:
            return
        outcome = handler(new, self._reader(tenant))
        failpoint("consume.ran")
        with self.session(tenant) as conn:
            inbox.record(conn, name, new)
            row, published = self._apply(conn, name, tenant, outcome, new[0])
            failpoint("consume.committing")
        failpoint("consume.committed")
        self._publish(row, published)

    def _reader(self, tenant: UUID) -> Read:
        def read(
            query: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs
        ) -> T:
            with self.session(tenant) as conn:
                return query(conn, *args, **kwargs)

        return read

    def _apply(
        self,
        conn: Connection[Any],
        source: str,
        tenant: UUID,
        outcome: Outcome,
        cause: Event | None,
    ) -> tuple[int | None, list[Event]]:
        """Write an outcome that belongs to no piece; return its outbox row and its events."""
        insert(conn, tenant, outcome.rows)
        for write in outcome.writes:
            write.query(conn, *write.args)
        events = [
            self._announcer.fact(fact, about_fact(source, tenant, fact, cause))
            for fact in outcome.facts
        ]
        if outcome.run is not None:
            events += self._progress(conn).start(source, tenant, outcome.run, cause)
        run = outcome.run.id if outcome.run else None
        return self._outbox(conn, tenant, events, run), events

    # -- dead letters --------------------------------------------------------------------------

    def bury(self, letter: dead_letters.DeadLetter, *, once: bool = False) -> bool:
        """Keep what a function has given up; with `once`, not again what is dead already."""
        failpoint("host.burying")
        with self.system("admin") as conn:
            return dead_letters.add(conn, letter, once=once)

    def settle(self, letter: UUID, state: str, again: Event | None = None) -> bool:
        """Say what became of a dead letter, with its event to deliver again; False if it is late.

        Whoever calls has looked whether its caller may do so.
        """
        events = [] if again is None else [again]
        with self.system("admin") as conn:
            if not dead_letters.settle(conn, letter, state):
                return False
            rows = [
                self._outbox(conn, UUID(event.extensions["tenantid"]), [event]) for event in events
            ]
        self._publish(next(iter(rows), None), events)
        return True

    # -- sweepers ------------------------------------------------------------------------------

    def relay(self, limit: int) -> int:
        """Publish up to `limit` outbox rows that a crash has left; return how many there were."""
        with self.system("relay") as conn:
            left = outbox.take(conn, limit, older_than_s=RELAY_AFTER_S)
            failpoint("relay.taken")
            self.bus.publish([codec.from_dict(e) for row in left for e in row.events])
            failpoint("relay.published")
            outbox.delete(conn, [row.id for row in left])
            failpoint("relay.deleted")
        return len(left)

    def fail_exhausted(self) -> int:
        """Fail the pieces whose attempts are used up and whose message will not come again."""
        with self.system("relay") as conn:
            exhausted = sweeping.exhausted(conn)
        for tenant, piece in exhausted:
            with self.session(tenant) as conn:
                events = self._progress(conn).exhaust(tenant, piece, None)
                row = self._outbox(conn, tenant, events)
            self._publish(row, events)
        return len(exhausted)

    def each_tenant(self, query: Callable[[Connection[Any]], T]) -> list[tuple[UUID, T]]:
        """Run one query for every tenant, each in a transaction of its own."""
        with self.system("admin") as conn:
            everyone = tenants.everyone(conn)
        found = []
        for tenant in everyone:
            with self.session(tenant) as conn:
                found.append((tenant, query(conn)))
        return found

    def emit_lost(
        self,
        older_than_s: float,
        waiting: Mapping[tuple[str, str], datetime] = MappingProxyType({}),
        limit: int = 1000,
    ) -> int:
        """Announce again the pieces that are ready but whose message is gone, with backoff.

        `waiting`: since when the oldest message waits, by stage and lane.
        """
        with self.system("relay") as conn:
            lost = sweeping.lost(conn, older_than_s, limit, waiting)
        self.bus.publish([self._again(piece) for piece in lost])
        return len(lost)

    def _again(self, piece: sweeping.LostPiece) -> Event:
        about = About("reconcile", piece.tenant, piece.lineage, piece.asset, Lane(piece.lane))
        return self._announcer.work(about, piece.run, Stage(piece.stage), piece.piece)

    # -- events --------------------------------------------------------------------------------

    @property
    def _announcer(self) -> Announcer:
        return Announcer(self.clock, self.ids)

    def _progress(self, conn: Connection[Any]) -> Progress:
        return Progress(conn, self._announcer, self.max_attempts)

    def _outbox(
        self, conn: Connection[Any], tenant: UUID, events: Sequence[Event], run: UUID | None = None
    ) -> int | None:
        if not events:
            return None
        return outbox.add(conn, tenant, [codec.to_dict(event) for event in events], run)

    def _publish(self, row: int | None, events: Sequence[Event]) -> None:
        """Publish at once. If that fails, or this process dies first, the relay finds the row."""
        if row is None:
            return
        try:
            self.bus.publish(events)
        except DataFluxError as error:
            log.warning("%d events left to the relay: %s", len(events), error)
            return
        failpoint("publish.sent")
        with self.system("relay") as conn:
            outbox.delete(conn, [row])


class _Superseded(Exception):
    """Another worker owns the piece by now: nothing of this one may be kept."""
