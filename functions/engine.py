"""The step engine: claim, run, commit, publish. The only place that opens a transaction."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from psycopg import Connection

from dataflux.clock import Clock, IdFactory
from dataflux.errors import Conflict, DataFluxError, Invalid, MediaFailed
from dataflux.telemetry import trace_of, traceparent
from events import codec
from events.bus import Bus
from events.event import MAX_HOPS, PREFIX, Event
from functions.lease import Lease
from functions.plan import Totals, following, verdict
from functions.work import Fact, NewRun, Outcome, Read, Work, Write
from schemas.names import Lane, PieceState, RunState, Stage
from stores.ports import ObjectInfo, ObjectStore
from stores.records import assets, inbox, outbox, runs, steps, tenants
from stores.records.database import Database
from stores.records.insert import insert

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[Work], Outcome]
Consumer = Callable[[Sequence[Event], Read], Outcome]


RELAY_AFTER_S = 2.0
"""Younger outbox rows belong to a worker that is about to publish them."""


class Disposition(StrEnum):
    """What a host tells its bus: 200, 503, 422 or 500."""

    DONE = "done"
    RETRY = "retry"
    INVALID = "invalid"
    FAILED = "failed"


@dataclass(frozen=True)
class About:
    """What the events of one step are about."""

    source: str
    tenant: UUID
    lineage: UUID
    asset: UUID
    lane: Lane | None = None
    cause: Event | None = None


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
            outcome = self._run(handler, claimed)
        if isinstance(outcome, Exception):
            return self._release(claimed, token, outcome)
        self._commit(claimed, token, outcome)
        return Disposition.DONE

    def _claim(self, event: Event, tenant: UUID, piece: UUID, token: UUID) -> Work | None:
        events: list[Event] = []
        with self.session(tenant) as conn:
            claimed = steps.claim(conn, piece, token, self.lease_s)
            if claimed is steps.Refusal.EXHAUSTED:
                events = self._exhaust(conn, tenant, piece, event)
            elif isinstance(claimed, steps.Claimed):
                events = self._announce(conn, claimed, event)
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

    def _announce(self, conn: Connection[Any], claimed: steps.Claimed, cause: Event) -> list[Event]:
        """Turn the run to running, once: whoever does so says that processing has started."""
        started = steps.start_run(conn, claimed.run)
        if started is None:
            return []
        assets.set_status(conn, claimed.asset, "processing")
        data = {
            "run": str(claimed.run),
            "strategy": started.strategy,
            "lane": claimed.lane,
            "pieces": started.pieces,
        }
        return [self._fact(Fact("asset.processing_started", data), _about(cause, claimed))]

    @staticmethod
    def _run(handler: Handler, work: Work) -> Outcome | Exception:
        try:
            return handler(work)
        except MediaFailed as error:
            return Outcome(failed=error.reason, detail=error.detail, limit=error.limit)
        except Exception as error:  # the host answers 5xx; the piece is released, not lost
            return error

    def _renew(self, tenant: UUID, piece: UUID, token: UUID) -> None:
        with self.session(tenant) as conn:
            steps.extend_lease(conn, piece, token, self.lease_s)

    def _release(self, work: Work, token: UUID, error: Exception) -> Disposition:
        retryable = isinstance(error, DataFluxError) and error.retryable
        if not retryable:
            log.error("step failed", exc_info=error, extra={"piece": str(work.piece)})
        with self.session(work.tenant) as conn:
            steps.release(conn, work.piece, token, f"{type(error).__name__}: {error}"[:500])
        return Disposition.RETRY if retryable else Disposition.FAILED

    def _commit(self, work: Work, token: UUID, outcome: Outcome) -> None:
        about = _about(work.event, work)
        events = [self._fact(fact, about) for fact in outcome.facts]
        with contextlib.suppress(_Superseded):
            with self.session(work.tenant) as conn:
                live = runs.is_first(conn, work.run)
                insert(conn, work.tenant, outcome.rows, live=live)
                for write in outcome.writes:
                    write.query(conn, *write.args)
                state = self._end_piece(conn, work, token, outcome, events)
                opened = (
                    self._close(conn, about, work.run, work.stage) if state.pending == 0 else []
                )
                row = self._outbox(conn, work.tenant, opened, work.run)
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

    def _exhaust(
        self, conn: Connection[Any], tenant: UUID, piece: UUID, cause: Event | None
    ) -> list[Event]:
        """Fail a piece that has no attempts left; whoever meets it also closes its stage."""
        state = steps.exhaust(conn, piece)
        if state is None:
            return []
        about = About("engine", tenant, state.lineage, state.asset, cause=cause)
        return self._close(conn, about, state.run, Stage(state.stage)) if state.pending == 0 else []

    def _close(self, conn: Connection[Any], about: About, run: UUID, stage: Stage) -> list[Event]:
        """Open what follows a closed stage, or complete the run; return the events to publish."""
        totals = {
            Stage(name): Totals(done=t.done, failed=t.failed, skipped=t.skipped, counts=t.counts)
            for name, t in steps.totals(conn, run).items()
        }
        nexts = following(stage, totals)
        events = [
            event
            for next_stage, pieces in nexts.items()
            for event in self._open(conn, about, run, next_stage, pieces)
        ]
        if steps.close_stage(conn, run, len(nexts)) == 0:
            events.append(self._complete(conn, about, run, totals))
        return events

    def _open(
        self,
        conn: Connection[Any],
        about: About,
        run: UUID,
        stage: Stage,
        pieces: Sequence[Mapping[str, Any]],
    ) -> list[Event]:
        planned = steps.plan_stage(
            conn, run, about.lineage, stage, pieces, max_attempts=self.max_attempts
        )
        return [self._work_event(about, run, stage, piece) for piece in planned]

    def _complete(
        self, conn: Connection[Any], about: About, run: UUID, totals: Mapping[Stage, Totals]
    ) -> Event:
        state = verdict(totals)
        ended = steps.finish_run(conn, run, state)
        if state is not RunState.FAILED:
            runs.promote(conn, about.lineage, about.asset, run)
        assets.set_status(conn, about.asset, state, ended.reason, ended.detail)
        if state is RunState.FAILED:
            why = {"run": str(run), "stage": ended.stage, "reason": ended.reason}
            return self._fact(Fact("asset.processing_failed", why), about)
        counts = totals[Stage.STITCH].counts
        data: dict[str, Any] = {
            "run": str(run),
            "status": state,
            "counts": dict(counts),
            "ms": ended.ms,
        }
        return self._fact(Fact("asset.processing_completed", data), about)

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
        with self.session(tenant) as conn:
            inbox.record(conn, name, new)
            row, published = self._apply(conn, name, tenant, outcome, new[0])
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
        events = [self._fact(fact, _loose(source, tenant, fact, cause)) for fact in outcome.facts]
        if outcome.run is not None:
            events += self._start(conn, source, tenant, outcome.run, cause)
        return self._outbox(conn, tenant, events), events

    def _start(
        self, conn: Connection[Any], source: str, tenant: UUID, run: NewRun, cause: Event | None
    ) -> list[Event]:
        about = About(source, tenant, run.lineage, run.asset, run.lane, cause)
        runs.create(conn, tenant, run)
        return self._open(conn, about, run.id, Stage.SEGMENT, run.pieces) if run.pieces else []

    # -- sweepers ------------------------------------------------------------------------------

    def relay(self, limit: int) -> int:
        """Publish up to `limit` outbox rows that a crash has left; return how many there were."""
        with self.system("relay") as conn:
            left = outbox.take(conn, limit, older_than_s=RELAY_AFTER_S)
            self.bus.publish([codec.from_dict(e) for row in left for e in row.events])
            outbox.delete(conn, [row.id for row in left])
        return len(left)

    def fail_exhausted(self) -> int:
        """Fail the pieces whose attempts are used up and whose message will not come again."""
        with self.system("relay") as conn:
            exhausted = steps.exhausted(conn)
        for tenant, piece in exhausted:
            with self.session(tenant) as conn:
                events = self._exhaust(conn, tenant, piece, None)
                row = self._outbox(conn, tenant, events)
            self._publish(row, events)
        return len(exhausted)

    def each_tenant(self, query: Callable[[Connection[Any]], object]) -> None:
        """Run one query for every tenant, each in a transaction of its own."""
        with self.system("admin") as conn:
            everyone = tenants.everyone(conn)
        for tenant in everyone:
            with self.session(tenant) as conn:
                query(conn)

    def emit_lost(self, older_than_s: float, limit: int = 1000) -> int:
        """Announce again the pieces that are ready but whose message is gone, with backoff."""
        with self.system("relay") as conn:
            lost = steps.lost(conn, older_than_s, limit)
        self.bus.publish([self._again(piece) for piece in lost])
        return len(lost)

    def _again(self, piece: steps.LostPiece) -> Event:
        about = About("reconcile", piece.tenant, piece.lineage, piece.asset, Lane(piece.lane))
        return self._work_event(about, piece.run, Stage(piece.stage), piece.piece)

    # -- events --------------------------------------------------------------------------------

    def _fact(self, fact: Fact, about: About) -> Event:
        return self._event(fact.name, fact.data, about, segment=fact.segment)

    def _work_event(self, about: About, run: UUID, stage: Stage, piece: UUID) -> Event:
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
    ) -> Event:
        token, hops = self.ids.token(), 0
        extensions = {
            "tenantid": str(about.tenant),
            "entityid": str(about.lineage),
            "partitionkey": key or str(about.lineage),
            "sequence": f"{self.clock.time_ns():020}",
        }
        trace = about.asset.hex
        if about.lane is not None:
            extensions["lane"] = str(about.lane)
        if about.cause is not None:
            extensions["causationid"] = about.cause.id
            hops = int(about.cause.extensions.get("hops", "0")) + 1
            trace = trace_of(about.cause) or trace
        if hops > MAX_HOPS:
            raise Invalid(f"{name}: the chain of causes is {hops} events long; it is a loop")
        extensions["hops"] = str(hops)
        extensions["traceparent"] = traceparent(trace, token.hex[:16])
        subject = f"assets/{about.asset}" + (f"/segments/{segment}" if segment else "")
        return Event(
            id=str(token),
            type=PREFIX + name,
            source=f"/dataflux/{about.source}",
            time=self.clock.now(),
            data=data,
            subject=subject,
            extensions=extensions,
        )

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
        with self.system("relay") as conn:
            outbox.delete(conn, [row])


def guarded(action: Callable[[], Disposition | None]) -> Disposition:
    """Run `action`; tell from the kind of its error what a host answers."""
    try:
        return action() or Disposition.DONE
    except Invalid as error:
        log.warning("refused: %s", error)
        return Disposition.INVALID
    except Conflict as error:  # a rival was faster: the next look finds that out
        log.info("again: %s", error)
        return Disposition.RETRY
    except DataFluxError as error:
        log.warning("%s: %s", type(error).__name__, error)
        return Disposition.RETRY if error.retryable else Disposition.FAILED
    except Exception:
        log.exception("unexpected")
        return Disposition.FAILED


class _Superseded(Exception):
    """Another worker owns the piece by now: nothing of this one may be kept."""


def _about(cause: Event, of: Work | steps.Claimed) -> About:
    tenant = UUID(cause.extensions["tenantid"])
    return About(str(of.stage), tenant, of.lineage, of.asset, Lane(of.lane), cause)


def _loose(source: str, tenant: UUID, fact: Fact, cause: Event | None) -> About:
    """Say what a fact of a consumer or a request is about: it names that itself."""
    lineage = fact.lineage
    if lineage is None and cause is not None:
        lineage = UUID(cause.extensions["entityid"])
    if lineage is None:
        raise Invalid(f"fact {fact.name} names no lineage")
    return About(source, tenant, lineage, fact.asset or lineage, None, cause)
