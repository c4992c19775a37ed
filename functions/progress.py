"""A run's way through its stages, within the transaction of whoever moves it on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from events.event import Event
from functions.facts import About, Announcer, about_step
from functions.findings import name_of
from functions.plan import Totals, following, of_one, verdict
from functions.vector_facts import completed, for_project
from functions.work import Fact, NewRun
from schemas.names import RunState, Stage
from stores.records import assets, runs, steps
from stores.records.indexing import Finished


@dataclass(frozen=True)
class Progress:
    """Moves runs on; every method returns the events that say so."""

    conn: Connection[Any]
    announcer: Announcer
    max_attempts: int

    def start(self, source: str, tenant: UUID, run: NewRun, cause: Event | None) -> list[Event]:
        """Create a run, and open its first stage if it has pieces."""
        about = About(source, tenant, run.lineage, run.asset, run.lane, cause)
        runs.create(self.conn, tenant, run)
        return self._open(about, run.id, run.stage, run.pieces) if run.pieces else []

    def begin(self, claimed: steps.Claimed, cause: Event) -> list[Event]:
        """Turn the run to running, once: whoever does so says that processing has started."""
        started = steps.start_run(self.conn, claimed.run)
        if started is None:
            return []
        if started.scope is None:  # what is there stays whole while one analyzer goes over it
            assets.set_status(self.conn, claimed.asset, "processing")
        data = {
            "run": str(claimed.run),
            "strategy": started.strategy,
            "lane": claimed.lane,
            "pieces": started.pieces,
        }
        if started.scope is not None:
            data["analyzer"] = started.scope
        fact = Fact("asset.processing_started", data)
        return [self.announcer.fact(fact, about_step(cause, claimed))]

    def exhaust(self, tenant: UUID, piece: UUID, cause: Event | None) -> list[Event]:
        """Fail a piece that has no attempts left; whoever meets it also closes its stage."""
        state = steps.exhaust(self.conn, piece)
        if state is None or state.pending:
            return []
        about = About("engine", tenant, state.lineage, state.asset, cause=cause)
        return self.close(about, state.run, Stage(state.stage))

    def close(self, about: About, run: UUID, stage: Stage) -> list[Event]:
        """Open what follows a closed stage, or complete the run."""
        totals = {
            Stage(name): Totals(done=t.done, failed=t.failed, skipped=t.skipped, counts=t.counts)
            for name, t in steps.totals(self.conn, run).items()
        }
        nexts = following(stage, totals)
        events = [
            event
            for next_stage, pieces in nexts.items()
            for event in self._open(about, run, next_stage, pieces)
        ]
        if steps.close_stage(self.conn, run, len(nexts)) == 0:
            complete = self._complete_one if of_one(totals) else self._complete
            events += [self.announcer.fact(fact, about) for fact in complete(about, run, totals)]
        return events

    def _open(
        self, about: About, run: UUID, stage: Stage, pieces: Sequence[Mapping[str, Any]]
    ) -> list[Event]:
        planned = steps.plan_stage(
            self.conn, run, about.lineage, stage, pieces, max_attempts=self.max_attempts
        )
        return [self.announcer.work(about, run, stage, piece) for piece in planned]

    def _complete(self, about: About, run: UUID, totals: Mapping[Stage, Totals]) -> list[Fact]:
        state = verdict(totals)
        ended = steps.finish_run(self.conn, run, state)
        if state is RunState.FAILED:
            runs.fall_back(self.conn, about.asset, run)
            why = {"run": str(run), "stage": ended.stage, "reason": ended.reason}
            return [Fact("asset.processing_failed", why)]
        runs.promote(self.conn, about.lineage, about.asset, run)
        assets.set_status(self.conn, about.asset, state, ended.reason, ended.detail)
        counts = dict(totals[Stage.STITCH].counts)
        return [completed(Finished(run, about.asset, about.lineage, state, counts, ended.ms))]

    def _complete_one(self, about: About, run: UUID, totals: Mapping[Stage, Totals]) -> list[Fact]:
        """Complete a run of one analyzer: the asset keeps its state, whatever became of it.

        Only now is it told which vectors there are: those of a run that fails are never indexed.
        """
        state = verdict(totals)
        ended = steps.finish_run(self.conn, run, state)
        scope = ended.scope or ""
        if state is RunState.FAILED:
            why = {"run": str(run), "stage": ended.stage, "reason": ended.reason}
            return [Fact("asset.processing_failed", why | {"analyzer": scope})]
        runs.promote_one(
            self.conn,
            about.lineage,
            about.asset,
            run,
            analyzer=name_of(scope),
            new_words=Stage.ANALYZE in totals and Stage.EMBED_TEXT in totals,
        )
        counts = dict(next(iter(totals.values())).counts)
        ending = Finished(run, about.asset, about.lineage, state, counts, ended.ms, scope)
        return [completed(ending), *for_project(self.conn, [run])]
