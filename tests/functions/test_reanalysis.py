"""One analyzer goes over what is there: its results are replaced, whole, and nothing else is."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from dataflux.errors import Conflict, Invalid, NotFound
from dataflux.permissions import Caller
from functions import diffing, reanalysis
from functions.rerun import rerun
from functions.search.handler import search
from functions.search.request import SearchRequest
from functions.targets import BY_NAME
from stores.records import assets, moments, runs
from tests.fixtures.light import LIGHT
from tests.fixtures.platform import Platform
from tests.fixtures.readers import BUSY_S

READERS = "tests.fixtures.readers"
NOTES = b"The keeper of the crane writes a letter to the harbour every week."
Now = Callable[..., None]
"""Go on with these analyzers of tests/fixtures/readers.py besides ours."""


@pytest.fixture(scope="module")
def installations() -> Iterator[Callable[..., tuple[Registry, Sandbox]]]:
    """Make each set of analyzers once: a zygote takes seconds to start."""
    with ExitStack() as stack:

        @cache
        def make(*names: str) -> tuple[Registry, Sandbox]:
            registry = Registry((*LIGHT, *(f"{READERS}:{name}" for name in names)))
            sandbox = Sandbox(registry)
            stack.callback(sandbox.close)
            return registry, sandbox

        yield make


@pytest.fixture
def now(platform: Platform, installations: Callable[..., tuple[Registry, Sandbox]]) -> Now:
    def use(*names: str) -> None:
        registry, sandbox = installations(*names)
        platform.deps = replace(platform.deps, registry=registry, sandbox=sandbox)

    use("Placard", "Doubter")
    return use


def picture(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


def start(platform: Platform, name: str, **filters: Any) -> list[Any]:
    planned = reanalysis.plan(platform.deps, platform.caller, name, filters)
    return reanalysis.start(platform.deps, platform.caller, planned, 100)


def rows(platform: Platform, query: str, *params: object) -> list[Any]:
    with platform.deps.engine.session(platform.caller.tenant, "app") as conn:
        return conn.execute(query.encode(), params).fetchall()


def live(platform: Platform, *, but: str = "") -> set[Any]:
    """Return the ids of what is live, without what comes of one analyzer's work."""
    kept = " AND NOT rests_on ? %s"
    found = set()
    for table in ("segments", "texts", "features"):
        found |= {row[0] for row in rows(platform, f"SELECT id FROM {table} WHERE live{kept}", but)}
    return found


def features(platform: Platform, analyzer: str) -> list[Any]:
    return rows(
        platform,
        "SELECT feature_type, feature_data, confidence, analyzer_version FROM feature_index f"
        " WHERE split_part(analyzer_version, '@', 1) = %s AND EXISTS (SELECT FROM segment_index s"
        " WHERE s.id = f.segment_id) ORDER BY 1, 2::text",
        analyzer,
    )


def bodies(platform: Platform) -> set[str]:
    found = rows(platform, "SELECT body FROM text_index WHERE source <> 'name'")
    return {body for (body,) in found}


def hits(platform: Platform, query: str) -> list[Any]:
    return list(search(platform.deps, platform.caller, SearchRequest(query=query))["hits"])


def test_words_found_anew_take_the_place_of_the_old_ones(platform: Platform, now: Now) -> None:
    received = platform.drop("placard.png", picture())
    platform.drop("notes.txt", NOTES)
    platform.pump()
    before, asset = live(platform, but="placard"), assets_get(platform, received.lineage)
    vectors = vectors_of(platform, "text/fallback@1")
    now("NewerPlacard", "Doubter")
    ((started, run),) = start(platform, "placard")
    assert started == asset.id
    platform.pump()
    assert live(platform, but="placard") == before
    assert bodies(platform) == {"Ein Kran von 1961.", NOTES.decode()}
    assert [h["lineage"] for h in hits(platform, "Kran")] == [str(received.lineage)]
    assert hits(platform, '"was paid for"') == []
    codes = {data["code"] for _, data, *_ in features(platform, "language")}
    assert codes == {"en", "de"}  # what reads words has read the new ones
    assert len(features(platform, "doubter")) == 4
    after = vectors_of(platform, "text/fallback@1")
    assert len(after) == len(vectors) == 2
    assert len(set(after) - set(vectors)) == 1  # that of the notes is as it was
    found = platform.deps.engine.read(platform.caller.tenant, runs.get, run)
    assert (found.state, found.scope, found.to_index) == ("completed", "placard@2", 0)
    assert found.indexed_at is not None
    assert assets_get(platform, received.lineage) == asset


def vectors_of(platform: Platform, space: str) -> list[Any]:
    """Return the vectors that search compares, nearest first."""
    deps, tenant = platform.deps, platform.caller.tenant
    segments = rows(platform, "SELECT id FROM segments WHERE live AND numbered ORDER BY id")
    found = [deps.vectors.vector(space, segment, tenant) for (segment,) in segments]
    return [tuple(vector) for vector in found if vector is not None]


def assets_get(platform: Platform, lineage: Any) -> assets.Asset:
    return platform.deps.engine.read(platform.caller.tenant, assets.get, lineage)


def test_until_it_is_complete_the_old_results_are_shown(platform: Platform, now: Now) -> None:
    platform.drop("red.png", picture())
    platform.pump()
    before = live(platform)
    now("NewerPlacard", "Doubter")
    start(platform, "placard")
    platform.pump(only="analyze")
    assert rows(platform, "SELECT count(*) FROM texts WHERE body LIKE 'Ein Kran%%'") == [(1,)]
    assert live(platform) == before
    assert "Ein Kran von 1961." not in bodies(platform)
    with pytest.raises(Conflict, match="being processed"):
        start_again(platform)
    assert reanalysis.plan(platform.deps, platform.caller, "placard", {}).busy == 1
    platform.pump()
    assert "Ein Kran von 1961." in bodies(platform)


def test_one_that_fails_leaves_what_was_found(platform: Platform, now: Now) -> None:
    received = platform.drop("placard.png", picture())
    platform.pump()
    before, shown = live(platform), vectors_of(platform, "text/fallback@1")
    now("BrokenPlacard", "Doubter")
    ((_, run),) = start(platform, "placard")
    platform.pump()
    assert live(platform) == before
    assert vectors_of(platform, "text/fallback@1") == shown
    found = platform.deps.engine.read(platform.caller.tenant, runs.get, run)
    assert (found.state, found.reason) == ("failed", "corrupt_media")
    assert "placard@3: upside down" in found.detail
    assert assets_get(platform, received.lineage).processing_status == "completed"
    (failed,) = platform.facts("asset.processing_failed")
    assert failed.data["analyzer"] == "placard@3"
    assert len(start(platform, "placard")) == 1  # it has not had it: it may try again


def test_words_that_are_not_found_any_more_are_gone(platform: Platform, now: Now) -> None:
    platform.drop("placard.png", picture())
    platform.pump()
    assert len(vectors_of(platform, "text/fallback@1")) == 1
    now("SilentPlacard", "Doubter")
    start(platform, "placard")
    platform.pump()
    assert bodies(platform) == set()
    assert vectors_of(platform, "text/fallback@1") == []
    assert features(platform, "doubter") == []


def test_what_reads_words_reads_those_that_were_found_too(platform: Platform, now: Now) -> None:
    platform.drop("placard.png", picture())
    platform.drop("notes.txt", NOTES)
    platform.pump()
    before = live(platform, but="doubter")
    now("Placard", "Convinced")
    assert len(start(platform, "doubter")) == 2
    platform.pump()
    assert live(platform, but="doubter") == before
    found = features(platform, "doubter")
    assert [(kind, data, version) for kind, data, _, version in found] == [
        ("tone", {"name": "warm"}, "doubter@4")
    ] * 2
    stages = {
        stage
        for (stage,) in rows(
            platform,
            "SELECT stage FROM run_stages r JOIN runs u"
            " ON u.id = r.run_id WHERE u.scope IS NOT NULL",
        )
    }
    assert stages == {"analyze"}  # no words have changed: no vector has


def test_a_new_embedder_fills_its_space(platform: Platform, now: Now) -> None:
    platform.drop("placard.png", picture())
    platform.drop("notes.txt", NOTES)
    platform.pump()
    before, old = live(platform), vectors_of(platform, "text/fallback@1")
    now("Placard", "Doubter", "Lengths")
    assert len(start(platform, "lengths")) == 2
    platform.pump()
    assert (live(platform), vectors_of(platform, "text/fallback@1")) == (before, old)
    assert len(vectors_of(platform, "text/lengths@1")) == 2
    assert reanalysis.plan(platform.deps, platform.caller, "lengths", {}).had == 2


def test_an_analyzer_runs_once_for_each_version_and_model(platform: Platform, now: Now) -> None:
    for colour in ("red", "blue"):
        platform.drop(f"{colour}.png", picture(colour))
    platform.drop("notes.txt", NOTES)
    platform.pump()

    def counts(name: str) -> tuple[int, int, int, int]:
        planned = reanalysis.plan(platform.deps, platform.caller, name, {})
        return planned.selected, planned.had, planned.unsuited, len(planned.todo)

    assert counts("placard") == (3, 2, 1, 0)
    assert counts("language@1") == (3, 3, 0, 0)
    now("NewerPlacard", "Doubter")
    assert counts("placard") == (3, 0, 1, 2)
    start(platform, "placard", kind={"eq": "image"})
    assert counts("placard") == (3, 0, 1, 0)
    platform.pump()
    assert counts("placard") == (3, 2, 1, 0)
    assert counts("doubter") == (3, 3, 0, 0)
    start_again(platform)
    platform.pump()
    assert counts("placard") == (3, 2, 1, 0)  # of the new whole run, too


def start_again(platform: Platform) -> Any:
    (asset, *_) = rows(platform, "SELECT id FROM assets WHERE filename = 'red.png'")
    return rerun(platform.deps, platform.caller.tenant, assets_get(platform, asset[0]))


def test_what_it_takes_is_told_from_what_it_took(platform: Platform, now: Now) -> None:
    platform.drop("red.png", picture())
    platform.drop("notes.txt", NOTES)
    platform.pump()
    now("NewerPlacard", "Doubter")
    planned = reanalysis.plan(platform.deps, platform.caller, "placard", {})
    assert (planned.units, planned.pieces, planned.measured) == (1, 1, False)
    assert planned.cpu_s == planned.wall_s == 1.0  # as it declares
    start(platform, "placard")
    platform.pump()
    platform.drop("blue.png", picture("blue"))
    now("Placard", "Doubter")
    platform.pump()
    now("NewerPlacard", "Doubter")
    planned = reanalysis.plan(platform.deps, platform.caller, "placard", {})
    assert (len(planned.todo), planned.measured) == (1, True)
    assert BUSY_S <= planned.cpu_s < 1


def test_only_what_the_caller_may_analyze_is_gone_over(platform: Platform, now: Now) -> None:
    platform.drop("red.png", picture())
    platform.pump()
    now("NewerPlacard", "Doubter")
    other = Caller(platform.caller.tenant, uuid4(), ())
    assert reanalysis.plan(platform.deps, other, "placard", {}).selected == 0
    assert reanalysis.plan(platform.deps, platform.caller, "placard", {}).selected == 1


def test_what_cuts_files_or_is_not_here_is_refused(platform: Platform, now: Now) -> None:
    with pytest.raises(Invalid, match="dataflux retry"):
        reanalysis.plan(platform.deps, platform.caller, "image", {})
    with pytest.raises(NotFound, match="known: "):
        reanalysis.plan(platform.deps, platform.caller, "nobody", {})


def test_delivered_twice_it_does_the_same_once(platform: Platform, now: Now) -> None:
    platform.drop("red.png", picture())
    platform.pump(times=2)
    now("NewerPlacard", "Doubter")
    start(platform, "placard")
    platform.pump(times=2)
    twice = rows(
        platform,
        "SELECT segment_id, feature_type, analyzer_version FROM feature_index"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1",
    )
    assert twice == []
    assert BY_NAME["analyze"].heavy
    (segment,) = rows(platform, "SELECT id FROM segments WHERE live AND numbered")
    assert len(platform.deps.engine.read(platform.caller.tenant, moments.children, segment[0])) == 1


def compared(platform: Platform, a: str, b: str, **more: Any) -> diffing.Comparison:
    asked = diffing.Asked(a, b, more.get("filters", {}), more.get("size", 20), more.get("seed", 0))
    return diffing.diff(platform.deps, platform.caller, asked)


def test_a_version_of_the_past_is_compared_with_the_present(platform: Platform, now: Now) -> None:
    platform.drop("red.png", picture())
    platform.drop("blue.png", picture("blue"))
    platform.pump()
    before = live(platform)
    now("NewerPlacard", "Doubter")
    found = compared(platform, "placard@1", "placard")
    assert (found.a.stored, found.b.stored, found.b.id) == (True, False, "placard@2")
    (words,) = found.differences
    assert (words.output, words.both, words.added, words.removed) == ("text.on_screen", 2, 0, 0)
    assert words.agreement is not None
    assert 0 < words.agreement < 0.7
    assert {one.b for one in words.worst} == {"Ein Kran von 1961."}
    assert found.b.unit_cpu_s is not None
    assert found.b.unit_cpu_s >= BUSY_S
    assert live(platform) == before  # nothing is stored
    start(platform, "placard")
    platform.pump()
    (words,) = compared(platform, "placard@2", "placard@1").differences
    assert {one.b[:9] for one in words.worst} == {"The crane"}  # what was replaced is known still
    with pytest.raises(NotFound, match="has found nothing"):
        compared(platform, "placard@9", "placard")
    with pytest.raises(NotFound, match="neither"):
        compared(platform, "placard@9", "placard@8")
    with pytest.raises(Invalid, match="finds no features"):
        compared(platform, "text-fallback", "placard")


def test_two_analyzers_are_compared_over_a_seeded_sample(platform: Platform, now: Now) -> None:
    for number in range(6):
        platform.drop(f"{number}.txt", NOTES + str(number).encode())
    platform.drop("red.png", picture())
    platform.pump()

    def sampled(seed: int) -> list[Any]:
        return [s.id for s in compared(platform, "doubter", "language", size=3, seed=seed).sample]

    assert sampled(1) == sampled(1)
    assert len({tuple(sampled(seed)) for seed in range(4)}) > 1
    found = compared(platform, "doubter", "language")
    assert len(found.sample) == 6
    assert {(d.output, d.both, d.added, d.removed) for d in found.differences} == {
        ("semantic.language", 0, 6, 0),
        ("semantic.topic", 0, 0, 6),
        ("style.tone", 0, 0, 6),
    }
    none = compared(platform, "doubter", "language", filters={"kind": {"eq": "video"}})
    assert (none.sample, none.differences) == ([], [])
