import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from dataflux.errors import Conflict
from stores.records import outbox, runs, steps, sweeping
from stores.records.database import Database
from tests.stores.records.runs_in import Plan, add_run, session, system

LEASE_S = 60.0


def claim(database: Database, tenant: UUID, piece: UUID, lease_s: float = LEASE_S) -> UUID:
    token = uuid4()
    with session(database, tenant) as conn:
        assert isinstance(steps.claim(conn, piece, token, lease_s), steps.Claimed)
    return token


def one_piece(database: Database, tenant: UUID, **limits: int) -> tuple[Plan, UUID]:
    with session(database, tenant) as conn:
        plan, (piece,) = add_run(conn, tenant, 1, **limits)
    return plan, piece


def attempts(conn: Connection[Any], piece: UUID) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT n, outcome, ended_at IS NOT NULL FROM attempts WHERE piece_id = %s ORDER BY n",
        [piece],
    ).fetchall()


def test_a_claimed_piece_tells_what_to_do(database: Database, tenant: UUID) -> None:
    plan, piece = one_piece(database, tenant)
    with session(database, tenant) as conn:
        claimed = steps.claim(conn, piece, uuid4(), LEASE_S)
    assert claimed == steps.Claimed(
        piece, plan.id, plan.asset, plan.lineage, "segment", "normal", 0, {}, 1
    )


def test_a_held_piece_is_refused(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    claim(database, tenant, piece)
    with session(database, tenant) as conn:
        assert steps.claim(conn, piece, uuid4(), LEASE_S) is steps.Refusal.HELD


def test_a_finished_or_unknown_piece_is_done(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    token = claim(database, tenant, piece)
    with session(database, tenant) as conn:
        steps.commit_piece(conn, piece, token)
        assert steps.claim(conn, piece, uuid4(), LEASE_S) is steps.Refusal.DONE
        assert steps.claim(conn, uuid4(), uuid4(), LEASE_S) is steps.Refusal.DONE


def test_a_zombie_cannot_commit_release_or_renew(database: Database, tenant: UUID) -> None:
    plan, piece = one_piece(database, tenant)
    zombie = claim(database, tenant, piece, lease_s=0)
    owner = claim(database, tenant, piece)
    with session(database, tenant) as conn:
        assert steps.commit_piece(conn, piece, zombie, events=[{"id": "x"}]) is None
        assert not steps.release(conn, piece, zombie, "late")
        assert not steps.extend_lease(conn, piece, zombie, LEASE_S)
        assert steps.totals(conn, plan.id)["segment"].pending == 1
        assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        assert steps.commit_piece(conn, piece, owner) is not None
        assert attempts(conn, piece) == [(1, "lost", True), (2, "done", True)]


def test_a_renewed_lease_keeps_the_piece(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    token = claim(database, tenant, piece, lease_s=0)
    with session(database, tenant) as conn:
        assert steps.extend_lease(conn, piece, token, LEASE_S)
        assert steps.claim(conn, piece, uuid4(), LEASE_S) is steps.Refusal.HELD


def test_a_released_piece_can_be_claimed_again(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    token = claim(database, tenant, piece)
    with session(database, tenant) as conn:
        assert steps.release(conn, piece, token, "Unavailable: down")
        again = steps.claim(conn, piece, uuid4(), LEASE_S)
        assert isinstance(again, steps.Claimed)
        assert again.attempt == 2
        assert attempts(conn, piece) == [(1, "released", True), (2, None, False)]


def test_a_commit_counts_and_sends(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, pieces = add_run(conn, tenant, 3)
    states = []
    for to, piece in zip(("done", "failed", "skipped"), pieces, strict=True):
        token = claim(database, tenant, piece)
        with session(database, tenant) as conn:
            states.append(
                steps.commit_piece(
                    conn,
                    piece,
                    token,
                    to=to,
                    output={"to": to},
                    reason="corrupt_media" if to == "failed" else None,
                    counts={"segments": 2, to: 1},
                    events=[{"id": to}],
                )
            )
    assert [state and state.pending for state in states] == [2, 1, 0]
    assert all(state and state.outbox for state in states)
    with session(database, tenant) as conn:
        assert steps.totals(conn, plan.id)["segment"] == steps.StageTotals(
            0, 1, 1, 1, {"segments": 6, "done": 1, "failed": 1, "skipped": 1}
        )
        outputs = runs.outputs(conn, plan.id, "segment")
        assert outputs == [{"to": "done"}, {"to": "failed"}]
        sent = conn.execute("SELECT events FROM outbox ORDER BY id").fetchall()
    assert sent == [([{"id": "done"}],), ([{"id": "failed"}],), ([{"id": "skipped"}],)]


def test_a_direct_commit_needs_no_claim_and_happens_once(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    with session(database, tenant) as conn:
        state = steps.commit_piece(conn, piece, uuid4(), claimed=False)
        assert state is not None
        assert state.pending == 0
        assert steps.commit_piece(conn, piece, uuid4(), claimed=False) is None
        assert attempts(conn, piece) == [(1, "done", True)]


def test_a_piece_out_of_attempts_is_failed_once(database: Database, tenant: UUID) -> None:
    plan, piece = one_piece(database, tenant, max_attempts=1)
    claim(database, tenant, piece, lease_s=0)
    with session(database, tenant) as conn:
        assert steps.claim(conn, piece, uuid4(), LEASE_S) is steps.Refusal.EXHAUSTED
    with system(database) as conn:
        assert (tenant, piece) in sweeping.exhausted(conn)
    with session(database, tenant) as conn:
        state = steps.exhaust(conn, piece)
        assert state is not None
        assert (state.run, state.asset, state.pending) == (plan.id, plan.asset, 0)
        assert steps.exhaust(conn, piece) is None
        assert attempts(conn, piece) == [(1, "failed", True)]


def test_a_piece_is_not_exhausted_while_its_last_attempt_runs(
    database: Database, tenant: UUID
) -> None:
    _, piece = one_piece(database, tenant, max_attempts=1)
    claim(database, tenant, piece)
    with session(database, tenant) as conn:
        assert steps.claim(conn, piece, uuid4(), LEASE_S) is steps.Refusal.HELD
        assert steps.exhaust(conn, piece) is None
    with system(database) as conn:
        assert (tenant, piece) not in sweeping.exhausted(conn)


def test_a_run_starts_once(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, _ = add_run(conn, tenant, 3)
        assert steps.start_run(conn, plan.id) == steps.Started("BATCH", 3, None)
        assert steps.start_run(conn, plan.id) is None


def test_a_run_ends_once_and_tells_what_failed_first(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, pieces = add_run(conn, tenant, 2)
    for piece, reason in zip(pieces, ("decode_timeout", "corrupt_media"), strict=True):
        token = claim(database, tenant, piece)
        with session(database, tenant) as conn:
            steps.commit_piece(conn, piece, token, to="failed", reason=reason, detail="why")
    with session(database, tenant) as conn:
        ended = steps.finish_run(conn, plan.id, "failed")
        assert (ended.stage, ended.reason, ended.detail) == ("segment", "decode_timeout", "why")
        assert runs.get(conn, plan.id).indexed_at is None
        with pytest.raises(Conflict, match="has ended already"):
            steps.finish_run(conn, plan.id, "completed")


@pytest.mark.parametrize("indexed_first", [True, False])
def test_a_run_is_searchable_when_it_has_ended_and_all_is_indexed(
    database: Database, tenant: UUID, indexed_first: bool
) -> None:
    with session(database, tenant) as conn:
        plan, _ = add_run(conn, tenant, 1)
        runs.add_to_index(conn, plan.id, 3)
        assert not runs.indexed(conn, plan.id, 2)
        if indexed_first:
            assert not runs.indexed(conn, plan.id, 1)
            steps.finish_run(conn, plan.id, "completed")
        else:
            steps.finish_run(conn, plan.id, "completed")
            assert runs.get(conn, plan.id).indexed_at is None
            assert runs.indexed(conn, plan.id, 1)
        assert runs.get(conn, plan.id).indexed_at is not None


def test_a_refused_file_has_a_failed_run_without_stages(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, _ = add_run(conn, tenant, 1)
        conn.execute("UPDATE assets SET reason = 'empty_file' WHERE id = %s", [plan.asset])
        steps.finish_run(conn, plan.id, "failed")
        refused = Plan(uuid4(), plan.asset, plan.lineage, pieces=())
        runs.create(conn, tenant, refused)
        found = runs.get(conn, refused.id)
    assert (found.state, found.reason, found.finished_at is not None) == (
        "failed",
        "empty_file",
        True,
    )


def test_what_is_lost_is_announced_again_with_backoff(database: Database, tenant: UUID) -> None:
    plan, piece = one_piece(database, tenant)

    def lost(
        age_s: float, waiting: dict[tuple[str, str], datetime] | None = None
    ) -> list[sweeping.LostPiece]:
        with session(database, tenant) as conn:
            conn.execute(
                "UPDATE pieces SET emitted_at = now() - %s * interval '1 s' WHERE id = %s",
                [age_s, piece],
            )
        with system(database) as conn:
            return [p for p in sweeping.lost(conn, 10, 100, waiting or {}) if p.tenant == tenant]

    assert lost(9) == []
    assert lost(11) == [
        sweeping.LostPiece(piece, tenant, plan.id, plan.asset, plan.lineage, "segment", "normal")
    ]
    assert lost(19) == []
    now = datetime.now(UTC)
    assert lost(21, {("segment", "normal"): now - timedelta(seconds=25)}) == []  # in the queue
    assert len(lost(21, {("segment", "high"): now - timedelta(seconds=25)})) == 1
    assert len(lost(45, {("segment", "normal"): now - timedelta(seconds=30)})) == 1  # passed
    with session(database, tenant) as conn:
        sent = outbox.add(conn, tenant, [{"id": "later"}], plan.id)
    assert lost(1000) == []  # the relay has it
    with system(database) as conn:
        outbox.delete(conn, [sent])
    assert len(lost(1000)) == 1
    claim(database, tenant, piece)
    assert lost(1000) == []


def test_leases_can_be_freed_by_one_who_is_alone(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    claim(database, tenant, piece)
    with system(database) as conn:
        assert sweeping.free_leases(conn) >= 1
    with session(database, tenant) as conn:
        assert isinstance(steps.claim(conn, piece, uuid4(), LEASE_S), steps.Claimed)


# -- rivals -----------------------------------------------------------------------------------

RUNS = 12


def two_stages(database: Database, tenant: UUID) -> tuple[Plan, list[tuple[UUID, UUID]]]:
    """Return a run whose last two stages have one claimed piece each."""
    with session(database, tenant) as conn:
        plan, (first,) = add_run(conn, tenant, 1)
        token = uuid4()
        steps.claim(conn, first, token, LEASE_S)
        steps.commit_piece(conn, first, token)
        last = [
            steps.plan_stage(conn, plan.id, plan.lineage, stage, [{}])[0]
            for stage in ("embed_text", "embed_visual")
        ]
        assert steps.close_stage(conn, plan.id, 2) == 2
    return plan, [(piece, claim(database, tenant, piece)) for piece in last]


def finish(
    database: Database, tenant: UUID, plan: Plan, piece: UUID, token: UUID, both: threading.Barrier
) -> bool:
    """Commit the last piece of a stage when its rival does; return whether that ended the run."""
    with session(database, tenant) as conn:
        state = steps.commit_piece(conn, piece, token)
        assert state is not None
        assert state.pending == 0
        both.wait()
        if steps.close_stage(conn, plan.id, 0) == 0:
            steps.finish_run(conn, plan.id, "completed")
            return True
    return False


def test_two_stages_that_end_in_one_instant_complete_the_run_once(
    database: Database, tenant: UUID
) -> None:
    for _ in range(RUNS):
        plan, claims = two_stages(database, tenant)
        both = threading.Barrier(2)
        completed: list[bool] = []

        def end(
            piece: UUID,
            token: UUID,
            plan: Plan = plan,
            both: threading.Barrier = both,
            completed: list[bool] = completed,
        ) -> None:
            completed.append(finish(database, tenant, plan, piece, token, both))

        rivals = [threading.Thread(target=end, args=each) for each in claims]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()
        assert sorted(completed) == [False, True]
        with session(database, tenant) as conn:
            assert runs.get(conn, plan.id).state == "completed"


def test_of_many_workers_one_closes_the_stage(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, pieces = add_run(conn, tenant, 8)
    seen: list[int] = []

    def work(piece: UUID) -> None:
        token = claim(database, tenant, piece)
        with session(database, tenant) as conn:
            state = steps.commit_piece(conn, piece, token, counts={"n": 1})
            assert state is not None
            time.sleep(0.005)  # hold the counter, so that the others queue for it
        seen.append(state.pending)

    workers = [threading.Thread(target=work, args=[piece]) for piece in pieces]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(seen) == list(range(8))
    with session(database, tenant) as conn:
        assert steps.totals(conn, plan.id)["segment"].counts == {"n": 8}


def test_of_many_claims_one_wins(database: Database, tenant: UUID) -> None:
    _, piece = one_piece(database, tenant)
    start, won = threading.Barrier(6), []

    def rival() -> None:
        start.wait()
        with session(database, tenant) as conn:
            won.append(isinstance(steps.claim(conn, piece, uuid4(), LEASE_S), steps.Claimed))

    rivals = [threading.Thread(target=rival) for _ in range(6)]
    for one in rivals:
        one.start()
    for one in rivals:
        one.join()
    assert sum(won) == 1
