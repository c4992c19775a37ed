"""Words find the right moments, only those the caller may see, by the index."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from dataflux.permissions import Caller
from stores.ports import Scope
from stores.records import words
from stores.records.access import scope
from stores.records.filters import condition
from stores.records.lexemes import lexemes
from stores.records.terms import query_terms
from stores.records.word_stats import document_frequencies, idf, rebuild_stats, text_stats
from tests.world import World


def _all(world: World, filters: Any = None) -> Scope:
    return Scope(world.tenant, (), sees_all=True, filters=filters)


def _search(world: World, query: str, inside: Scope | None = None, limit: int = 20) -> list[Any]:
    with world.app() as conn:
        return words.search(conn, query, inside or _all(world), limit)


def _found(world: World, query: str, inside: Scope | None = None) -> list[UUID]:
    return [match.segment for match in _search(world, query, inside)]


def test_a_match_says_what_it_is(world: World) -> None:
    asset = world.asset()
    segment = world.segment(asset, 0, "The red panda sleeps in the tree.")
    (match,) = _search(world, "sleeping pandas")
    assert (match.segment, match.asset, match.lineage) == (segment, asset, asset)
    assert match.source == "spoken"
    assert match.score == 1.0
    assert match.terms == ("sleeping", "pandas")
    marked = [match.snippet.text[start:end] for start, end in match.snippet.marks]
    assert marked == ["panda", "sleeps"]


def test_the_score_is_the_share_of_what_was_asked(world: World) -> None:
    asset = world.asset()
    both = world.segment(asset, 0, "a lighthouse in a storm")
    one = world.segment(asset, 1, "a lighthouse in the sun")
    world.segment(asset, 2, "nothing of that kind")
    first, second = _search(world, "lighthouse in the storm")
    assert (first.segment, second.segment) == (both, one)
    assert first.score > 0.9
    assert 0.3 < second.score < 0.6
    assert _search(world, "giraffe") == []


def test_stop_words_alone_are_no_good_match(world: World) -> None:
    world.segment(world.asset(), 0, "this is how it was in the end of it")
    (match,) = _search(world, "who was it in the lighthouse")
    assert match.score < 0.3
    assert _found(world, "how it was")


def test_parts_found_in_several_texts_of_a_segment_add_up(world: World) -> None:
    segment = world.segment(world.asset(), 0, "a panda eats")
    world.text(segment, "forest", 1, "tag")
    (match,) = _search(world, "panda forest")
    assert (match.score, match.terms) == (1.0, ("panda", "forest"))


def test_phrases_must_be_there_in_order(world: World) -> None:
    asset = world.asset()
    exact = world.segment(asset, 0, "we saw the red panda run")
    world.segment(asset, 1, "a panda in a red box")
    world.segment(asset, 2, "red pandas")
    assert _found(world, '"red panda"') == [exact]
    assert _found(world, '"panda red"') == []
    assert _found(world, '"red panda" "saw the"') == [exact]
    assert len(_found(world, "red panda")) == 3


@pytest.mark.parametrize(
    ("body", "query"),
    [("GRAND 0PENING SALE", "opening"), ("GRANDOPENING", "opening"), ("Lighthuose", "lighthouse")],
)
def test_words_misread_on_screen_are_found_but_count_less(
    world: World, body: str, query: str
) -> None:
    asset = world.asset()
    read = world.segment(asset, 0, body, source="on_screen")
    world.segment(asset, 1, body, source="spoken")
    (match,) = _search(world, query)
    assert (match.segment, match.score) == (read, words.MISREAD)
    clear = world.segment(asset, 2, query, source="on_screen")
    assert _found(world, query) == [clear, read]


def test_a_word_wholly_other_is_not_taken_for_misread(world: World) -> None:
    world.segment(world.asset(), 0, "closing time tomorrow", source="on_screen")
    assert _found(world, "opening") == []


def test_languages_of_the_tenant_are_understood_at_once(world: World) -> None:
    house = world.segment(world.asset(), 0, "ein altes Haus am See", language="de")
    kyoto = world.segment(world.asset(), 0, "東京都庁の展望室", language="ja")
    assert _found(world, "Häuser") == [house]
    assert _found(world, "展望") == [kyoto]
    assert _found(world, '"東京都"') == [kyoto]


def test_other_tenants_texts_are_never_found(world: World) -> None:
    other = world.neighbour()
    theirs = other.segment(other.asset(), 0, "a secret lighthouse")
    assert _found(world, "lighthouse") == []
    assert _found(other, "lighthouse") == [theirs]
    with world.app() as conn:
        for view in ("text_index", "search_texts", "search_segments", "search_assets"):
            count = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(view)))
            assert count.fetchall() == [(0,)]


def test_only_what_is_granted_is_found(world: World) -> None:
    collection = world.collection()
    shared = world.segment(world.asset(collection), 0, "lighthouse one")
    own = world.segment(mine := world.asset(), 0, "lighthouse lighthouse")
    world.segment(expired := world.asset(), 0, "lighthouse three")
    user, group = world.user(), world.group()
    world.grant(group, collection)
    world.grant(user.user, mine, "owner")
    world.grant(user.user, expired, until=datetime(2020, 1, 1, tzinfo=UTC))
    member = Caller(world.tenant, user.user, (user.user, group))
    assert set(_found(world, "lighthouse", scope(member))) == {own, shared}
    assert _found(world, "lighthouse", scope(user)) == [own]
    assert _found(world, "lighthouse", scope(world.user())) == []


def test_only_what_is_live_latest_and_not_deleted_is_found(world: World) -> None:
    kept, old, gone, stale = (world.asset() for _ in range(4))
    segments = [world.segment(each, 0, "lighthouse") for each in (kept, old, gone, stale)]
    retold = world.segment(kept, 1, "lighthouse")
    world.run("UPDATE entities SET is_latest = false WHERE id = %s", old)
    world.delete(gone)
    world.run("UPDATE segments SET live = false WHERE id = %s", segments[3])
    world.run("UPDATE texts SET live = false WHERE segment_id = %s", retold)
    assert _found(world, "lighthouse") == [segments[0]]


def test_filters_hold_inside_the_search(world: World) -> None:
    film = world.segment(world.asset(), 0, "lighthouse " * 5)
    page = world.segment(world.asset(kind="document"), 0, "one lighthouse in many other words")
    world.text(page, "Coast", 1, "tag")
    assert _found(world, "lighthouse", _all(world, {"kind": {"eq": "document"}})) == [page]
    assert _found(world, "lighthouse", _all(world, {"tag": {"eq": "coast"}})) == [page]
    assert _found(world, "lighthouse", _all(world, {"kind": {"ne": "document"}})) == [film]


def test_the_limit_holds(world: World) -> None:
    asset = world.asset()
    for n in range(5):
        world.segment(asset, n, "lighthouse")
    assert len(_search(world, "lighthouse", limit=3)) == 3
    assert _search(world, "lighthouse", limit=0) == []


def test_the_order_is_that_of_bm25(world: World) -> None:
    """An independent BM25 over the same bodies, with the same weights."""
    asset = world.asset()
    bodies = [
        "storm",
        "storm storm storm on the coast",
        "a storm at the lighthouse",
        "lighthouse " * 4 + "and nothing else to be seen from the coast of this island",
        "the coast",
    ]
    segments = [world.segment(asset, n, body) for n, body in enumerate(bodies)]
    asked = ["storm", "lighthouse", "coast"]
    with world.app() as conn:
        stats = text_stats(conn)
        found = document_frequencies(conn, query_terms(" ".join(asked)).terms)
    weights = [idf(stats, df) for df in found]
    scores = []
    for body in bodies:
        counts, length = Counter(body.split()), len(body.split())
        norm = 1.2 * (0.25 + 0.75 * length / stats.length)
        scores.append(
            sum(
                w * counts[t] * 2.2 / (counts[t] + norm)
                for t, w in zip(asked, weights, strict=True)
            )
        )
    matches = _search(world, " ".join(asked))
    best = sorted(range(5), key=lambda n: -scores[n])
    assert [match.segment for match in matches] == [segments[n] for n in best]
    assert [match.bm25 for match in matches] == pytest.approx(
        sorted(scores, reverse=True), rel=0.04
    )


def test_rebuilt_statistics_rank_alike(world: World) -> None:
    asset = world.asset()
    for n in range(12):
        world.segment(asset, n, f"the coast number {n}", "storm" if n % 3 else "calm")
    before = _search(world, "coast storm 7")
    for _ in range(2):
        with world.session(world.tenant, "worker") as conn:
            rebuild_stats(conn)
    (row,) = world.run("SELECT n, avgdl FROM tenant_stats")
    assert row == (24, 2.5)
    assert _search(world, "coast storm 7") == before


def test_common_terms_are_kept_and_old_ones_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.records.word_stats._KEPT", 3)
    asset = world.asset()
    for n in range(4):
        world.segment(asset, n, "coast", *(["storm"] if n else []))
    kept = "SELECT term, df FROM term_stats ORDER BY term"
    with world.session(world.tenant, "worker") as conn:
        rebuild_stats(conn)
        assert conn.execute(kept).fetchall() == [("~coast", 4), ("~storm", 3)]
        conn.execute("UPDATE texts SET live = false WHERE body = 'storm'")
        rebuild_stats(conn)
        assert conn.execute(kept).fetchall() == [("~coast", 4)]


@pytest.mark.parametrize("cap", [0, 1, 100])
def test_the_candidate_rule_still_finds_the_best(
    world: World, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    """With a cap of nothing every word counts as too common, and texts must have them all."""
    asset = world.asset()
    best = world.segment(asset, 0, "storm coast coast")
    world.segment(asset, 1, "storm")
    world.segment(asset, 2, "coast")
    monkeypatch.setattr(words, "COUNTED", max(1, cap))
    if cap == 0:
        monkeypatch.setattr(words, "document_frequencies", lambda conn, terms: [9] * len(terms))
    found = _found(world, "the storm coast")
    assert found[0] == best
    assert len(found) == {0: 1, 1: 1, 100: 3}[cap]


def test_texts_left_aside_are_ranked_when_little_of_the_rest_may_be_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rarest word is only where the user may not look."""
    monkeypatch.setattr(words, "_most", lambda stats: 1)
    monkeypatch.setattr(words, "_ENOUGH", 1)
    world.segment(world.asset(), 0, "storm coast lighthouse")
    mine = world.asset()
    wanted = world.segment(mine, 0, "storm")
    world.segment(mine, 1, "coast")
    user = world.user()
    world.grant(user.user, mine)
    assert wanted in _found(world, "storm coast lighthouse", scope(user))


@pytest.fixture
def many(world: World) -> World:
    """Enough rows that the planner prefers an index where it may use one."""
    asset = world.asset()
    segment = world.segment(asset, 0)
    with world.app() as conn:
        conn.execute(
            "INSERT INTO texts (id, tenant_id, segment_id, run_id, source, body, tsv, dl)"
            " SELECT (left(%(s)s::text, 9) || substr(md5(n::text), 1, 4) || '-8' ||"
            " substr(md5(n::text), 5, 3) || '-8' || substr(md5(n::text), 8, 3) || '-' ||"
            " substr(md5(n::text), 11, 12))::uuid, tenant(), %(s)s, %(s)s, 'spoken', '',"
            " ('~w' || n || ':1 ~common:2')::tsvector, 2 FROM generate_series(1, 4000) n",
            {"s": segment},
        )
        conn.execute(
            "INSERT INTO features (id, tenant_id, segment_id, run_id, feature_domain,"
            " feature_type, feature_data, analyzer_version)"
            " SELECT id, tenant_id, segment_id, run_id, 'visual', 'label',"
            " jsonb_build_object('name', id), 'test@1' FROM texts WHERE segment_id = %s",
            (segment,),
        )
    with world.database.installer() as conn:
        conn.execute("ANALYZE texts, features, segments, entities, assets")
    return world


def _plan(world: World, query: Any, params: Any) -> str:
    with world.app() as conn:
        assert conn.execute("SELECT current_user").fetchall() == [("df_app",)]
        rows = conn.execute(sql.SQL("EXPLAIN {}").format(query), params).fetchall()
    return "\n".join(row[0] for row in rows)


def _leaf(world: World, table: str) -> str:
    """Return the partition that has the rows; the planner may well read empty ones."""
    query = sql.SQL("SELECT DISTINCT tableoid::regclass::text FROM {}").format(
        sql.Identifier(table)
    )
    with world.app() as conn:
        ((leaf,),) = conn.execute(query).fetchall()
    return str(leaf)


def test_the_app_searches_words_by_their_index(many: World) -> None:
    with many.app() as conn:
        stats = text_stats(conn)
        asked = query_terms("w77")
        weighed = words.weigh(conn, asked.terms, stats)
    for inside in (_all(many), scope(many.user())):
        query, params = words.rank(asked, weighed, stats, inside)
        plan = _plan(many, query, params | {"limit": 10})
        assert "_tsv_idx" in plan, plan
        assert f"Seq Scan on {_leaf(many, 'texts')}" not in plan, plan


def test_the_app_filters_features_by_their_index(many: World) -> None:
    where = condition({"feature.visual.label.name": {"eq": "x"}})
    query = sql.SQL("SELECT s.id FROM search_segments s WHERE {}").format(where.sql)
    plan = _plan(many, query, where.params)
    assert "_feature_data_idx" in plan, plan
    assert f"Seq Scan on {_leaf(many, 'features')}" not in plan, plan


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(body=st.text(max_size=60), source=st.sampled_from(["written", "on_screen"]))
def test_postgres_takes_every_text_and_every_query(world: World, body: str, source: str) -> None:
    tsv, _ = lexemes(body, "de", source)
    with world.app() as conn:
        conn.execute("SELECT %s::tsvector", (tsv,))
        words.search(conn, body, _all(world), 3)
        words.search(conn, f'"{body}" {body}', _all(world), 3)


def test_the_longest_body_is_taken(world: World) -> None:
    body = " ".join(f"{n:012x}" for n in range(10_000))
    every_han = "".join(map(chr, range(0x4E00, 0x9FFF))) * 3
    with world.app() as conn:
        conn.execute("SELECT %s::tsvector", (lexemes(body, "de", "on_screen")[0],))
        conn.execute("SELECT %s::tsvector", (lexemes(every_han, None, "written")[0],))
