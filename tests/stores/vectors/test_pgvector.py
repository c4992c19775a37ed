"""Vectors in PostgreSQL keep the contract, with either shape of query."""

import pytest
from psycopg import sql

from stores.ports import Scope
from stores.vectors import pgvector
from stores.vectors.pgvector import PgVectorIndex
from tests.contracts.vector_index import EAST, SPACE, VectorIndexContract
from tests.world import World


class TestExactSearch(VectorIndexContract):
    @pytest.fixture
    def index(self, world: World) -> PgVectorIndex:
        return PgVectorIndex(world.session)


class TestIndexScan(VectorIndexContract):
    """The same when everything counts as too much to compare one by one."""

    @pytest.fixture
    def index(self, world: World, monkeypatch: pytest.MonkeyPatch) -> PgVectorIndex:
        monkeypatch.setattr(pgvector, "EXACT", -1)
        return PgVectorIndex(world.session)


def test_the_large_side_scans_the_vector_index(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = PgVectorIndex(world.session)
    index.ensure(SPACE, 4)
    user = world.user()
    for sees_all in (True, False):
        scope = Scope(world.tenant, user.subjects, sees_all)
        assert "Index Scan using vec_" in _plan(world, scope, exact=False)
        assert "_v_idx" in _plan(world, scope, exact=False)
        assert "_v_idx" not in _plan(world, scope, exact=True)


def _plan(world: World, scope: Scope, *, exact: bool) -> str:
    with world.app() as conn:
        table = conn.execute("SELECT table_name FROM model_spaces WHERE space = %s", (SPACE,))
        name = sql.Identifier(table.fetchall()[0][0])
        near = pgvector.Near(name, 4, str(EAST), scope, 10)
        query, params = near.exact() if exact else near.approximate(conn)
        explain = sql.SQL("EXPLAIN ") + query
        return "\n".join(row[0] for row in conn.execute(explain, params).fetchall())
