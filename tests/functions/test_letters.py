"""What is given up is kept as it came; after the mend it is delivered again, to the same effect."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from analyzers.sandbox import Sandbox
from dataflux.errors import MediaFailed
from dataflux.permissions import Caller, Role
from events import codec
from events.bus import Delivery
from events.event import PREFIX, Event
from events.log_bus import LogBus
from functions.disposition import Disposition
from functions.engine import Engine
from functions.hosts.given_up import GivenUp
from functions.hosts.local import Hosted, LocalHost
from functions.hosts.retries import Backoff
from functions.letters import Action, Settled, read, settle
from functions.targets import BY_NAME, TARGETS
from schemas.names import Reason
from stores.records import assets, dead_letters, runs
from stores.records.dead_letters import Selection, StoredLetter
from tests import canonical
from tests.fixtures.platform import Platform, admin_of

NOTES = b"# Notes\n\nThe lighthouse keeper counts gulls.\n\nOtters sleep in kelp.\n"
QUICK = Backoff(first_s=0.001, longest_s=0.002, tries=3)
PATIENCE_S = 20.0


@contextmanager
def hosting(platform: Platform) -> Iterator[None]:
    """Run all functions as the laptop does; end with an idle bus."""
    deps = platform.deps
    hosted = [
        Hosted(t.name, t.topics, lambda events, t=t: t.run(deps, events), t.batch, t.heavy)  # type: ignore[misc]
        for t in TARGETS
        if t.topics
    ]

    def bury(given_up: GivenUp) -> None:
        deps.engine.bury(given_up.letter())

    host = LocalHost(deps.bus, hosted, bury, slots=1, retry=QUICK)
    host.start()
    try:
        yield
        wait_for(lambda: not any(sum(deps.bus.lag(h.name).values()) for h in hosted))
    finally:
        host.stop(1.0)


def wait_for(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def letters(platform: Platform, **chosen: object) -> list[StoredLetter]:
    selection = Selection(**chosen)  # type: ignore[arg-type]
    return read(platform.deps, admin_of(platform), dead_letters.page, selection, limit=500)


def do(platform: Platform, action: Action, *, dry_run: bool = False) -> list[Settled]:
    return settle(platform.deps, letters(platform), action, dry_run=dry_run)


def indexed(platform: Platform, lineage: UUID) -> bool:
    tenant = platform.caller.tenant
    asset = platform.deps.engine.read(tenant, assets.get, lineage)
    return asset.indexed_at is not None


def kept(platform: Platform) -> canonical.Canonical:
    database, tenant = platform.deps.engine.database, platform.caller.tenant
    return canonical.canonical(database, platform.deps.objects, tenant=tenant, ids=True)


@pytest.mark.parametrize("action", [Action.RETRY, Action.REPLAY])
def test_poison_is_kept_and_after_the_mend_comes_to_its_effect_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched, hosting(platform):
        patched.setattr("functions.project.handler.handle", broken)
        received = platform.drop("notes.md", NOTES)
        wait_for(lambda: platform.facts("asset.processing_completed"))
        embedded = platform.facts("segment.embedded")
        wait_for(lambda: len(letters(platform)) == len(embedded) > 0)
    for letter in letters(platform):
        assert (letter.function, letter.reason, letter.attempts) == (
            "project",
            "function_failed",
            QUICK.tries,
        )
        assert letter.detail == "RuntimeError: a bug"
        assert letter.origin["topic"] == letter.topic == "dataflux.segment.embedded"
        assert letter.origin["knativeerrorcode"] == "500"
        assert letter.origin["knativeerrordest"] == "/dataflux/project"
        assert letter.first_at < letter.last_at
    assert not indexed(platform, received.lineage)

    looked = do(platform, action, dry_run=True)
    assert [s.refused for s in looked] == [None] * len(embedded)
    assert len(letters(platform)) == len(embedded)

    with hosting(platform):
        done = do(platform, action)
        assert len(done) == len(embedded)
        wait_for(lambda: indexed(platform, received.lineage))
    before = kept(platform)
    with hosting(platform):
        assert do(platform, action) == []
        stale = settle(platform.deps, [s.letter for s in done], action, dry_run=False)
        assert all("not dead any more" in str(s.refused) for s in stale)
        platform.deps.bus.publish(platform.facts("segment.embedded"))  # and all of it once more
    canonical.check(kept(platform), before)
    (run,) = platform.deps.engine.read(platform.caller.tenant, runs.of_asset, received.lineage)
    assert run.to_index == 0


def test_a_retry_reaches_only_who_gave_it_up(platform: Platform) -> None:
    platform.drop("notes.md", NOTES)
    platform.pump()
    (uploaded, *_) = platform.facts("segment.indexed")
    bury(platform, "relate", uploaded)
    (letter,) = letters(platform)
    platform.seen.clear()
    assert settle(platform.deps, [letter], Action.RETRY, dry_run=False)[0].refused is None
    platform.pump()
    ((name, again),) = platform.seen
    assert name == "relate"
    assert (again.id, again.data) == (uploaded.id, uploaded.data)
    assert again.extensions["onlyfor"] == "relate"


def test_what_is_for_another_function_is_not_handled(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.drop("notes.md", NOTES)
    platform.pump()

    def called(*_: object) -> None:
        raise RuntimeError("called")

    monkeypatch.setattr("functions.relate.handler.handle", called)
    event = replace(platform.facts("segment.indexed")[0], id=str(uuid4()))
    for function, expected in (("project", Disposition.DONE), ("relate", Disposition.FAILED)):
        told = replace(event, extensions={**event.extensions, "onlyfor": function})
        assert BY_NAME["relate"].run(platform.deps, [told]) == expected


def bury(platform: Platform, function: str, event: Event, **changed: object) -> GivenUp:
    now = platform.deps.clock.now()
    delivery = Delivery("dataflux.segment.indexed", 3, 17, codec.dumps(event), event)
    given_up = GivenUp(function, delivery, Disposition("failed", "why"), 2, now, now)
    platform.deps.engine.bury(replace(given_up, **changed).letter())  # type: ignore[arg-type]
    return given_up


def test_a_replay_that_fails_again_is_the_same_letter(platform: Platform) -> None:
    platform.drop("notes.md", NOTES)
    platform.pump()
    event = platform.facts("segment.indexed")[0]
    first = bury(platform, "relate", event)
    (letter,) = letters(platform)
    again = replace(event, extensions={**event.extensions, "onlyfor": "relate"})
    assert platform.deps.engine.settle(letter.id, "retried", again)
    assert letters(platform) == []
    elsewhere = Delivery("dataflux.segment.indexed", 0, 99, codec.dumps(again), again)
    bury(platform, "relate", event, delivery=elsewhere, why=Disposition("retry", "down"))
    (back,) = letters(platform)
    assert (back.id, back.attempts, back.reason) == (letter.id, 4, "dependency_down")
    assert (back.first_at, back.origin["offset"]) == (letter.first_at, 17)
    tenant = platform.caller.tenant
    assert platform.deps.engine.read(tenant, dead_letters.bytes_of, back.id) == first.delivery.value


def test_what_is_still_invalid_is_refused_and_stays(platform: Platform) -> None:
    unreadable = Delivery("dataflux.segment.indexed", 0, 1, b"\xff{", None, "no JSON")
    now = platform.deps.clock.now()
    given_up = GivenUp("relate", unreadable, Disposition("unreadable", "no JSON"), 1, now, now)
    platform.deps.engine.bury(given_up.letter())
    runner = Caller(platform.caller.tenant, platform.caller.user, (), frozenset({Role.SUPERADMIN}))
    found = [
        x
        for x in read(platform.deps, runner, dead_letters.page, Selection())
        if x.id == given_up.letter().id
    ]
    assert [(x.tenant, x.reason) for x in found] == [(None, "invalid_envelope")]
    assert letters(platform) == []  # nobody's: not this tenant's
    for action in (Action.RETRY, Action.REPLAY):
        (settled,) = settle(platform.deps, found, action, dry_run=False)
        assert settled.refused is not None
        assert "no JSON" in settled.refused
    (settled,) = settle(platform.deps, found, Action.DISCARD, dry_run=False)
    assert settled.refused is None


def test_a_failed_piece_is_retried_with_its_asset_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise MediaFailed(Reason.DECODER_CRASHED, "SIGSEGV")

    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "extract", crash)
        received = platform.drop("notes.md", NOTES)
        platform.pump()
    (letter,) = letters(platform)
    assert (letter.kind, letter.function, letter.reason) == ("piece", "segment", "decoder_crashed")
    assert letter.asset == received.lineage
    (refused,) = do(platform, Action.DISCARD)
    assert refused.refused is not None
    assert do(platform, Action.RETRY, dry_run=True)[0].refused is None
    assert do(platform, Action.RETRY)[0].refused is None
    assert letters(platform) == []
    assert do(platform, Action.RETRY) == []
    platform.pump()
    assert indexed(platform, received.lineage)
    assert (
        len(platform.deps.engine.read(platform.caller.tenant, runs.of_asset, received.lineage)) == 2
    )


def test_letters_are_grouped_and_filtered(platform: Platform) -> None:
    platform.drop("notes.md", NOTES)
    platform.pump()
    events = platform.facts("segment.indexed")
    for event in events[:2]:
        bury(platform, "relate", event)
    bury(platform, "project", events[0], why=Disposition("invalid", "odd"))
    found = letters(platform)
    assert len(found) == 3
    caller = admin_of(platform)
    groups = read(platform.deps, caller, dead_letters.groups, Selection())
    assert [(g.function, g.reason, g.count) for g in groups] == [
        ("relate", "function_failed", 2),
        ("project", "invalid_event", 1),
    ]
    assert {x.id for x in letters(platform, group=groups[0].group_id)} == {
        x.id for x in found if x.function == "relate"
    }
    assert len(letters(platform, function="project", reason="invalid_event")) == 1
    assert len(letters(platform, ids=[found[0].id])) == 1
    assert letters(platform, before=found[-1].first_at) == []
    assert len(letters(platform, since=found[-1].first_at)) == 3
    assert letters(platform, tenant=uuid4()) == []
    assert letters(platform, topic="dataflux.object.created") == []


def test_nothing_is_left_to_the_relay(platform: Platform) -> None:
    """The event of a letter is on the bus when its letter is settled, and in no outbox."""
    platform.drop("notes.md", NOTES)
    platform.pump()
    bury(platform, "relate", platform.facts("segment.indexed")[0])
    do(platform, Action.RETRY)
    assert isinstance(platform.deps.engine, Engine)
    assert isinstance(platform.deps.bus, LogBus)
    with platform.deps.engine.system("admin") as conn:
        left = conn.execute(
            "SELECT count(*) FROM outbox WHERE tenant_id = %s", [platform.caller.tenant]
        ).fetchone()
    assert left == (0,)


def test_what_was_settled_long_ago_is_deleted_and_the_dead_are_not(platform: Platform) -> None:
    platform.drop("notes.md", NOTES)
    platform.pump()
    events = platform.facts("segment.indexed")[:3]
    for event in events:
        bury(platform, "relate", event)
    assert len(do(platform, Action.DISCARD)) == 3
    ids = {letter.event_id: letter.id for letter in letters(platform, state=None)}
    dead, old, recent = (ids[event.id] for event in events)
    with platform.deps.engine.session(platform.caller.tenant, "admin") as conn:
        for days, letter in ((31, dead), (31, old), (29, recent)):
            settled = platform.deps.clock.now() - timedelta(days=days)
            conn.execute("UPDATE dead_letters SET settled_at = %s WHERE id = %s", [settled, letter])
    bury(platform, "relate", events[0])
    tick = Event("tick", f"{PREFIX}timer.tick", "/test", settled, {"timer": "reconcile"})
    assert BY_NAME["reconcile"].run(platform.deps, [tick]) == Disposition.DONE
    assert {letter.id for letter in letters(platform, state=None)} == {dead, recent}
    assert [letter.id for letter in letters(platform)] == [dead]
