import inspect
from uuid import UUID

import psycopg
import psycopg_pool
import pytest
from psycopg import errors

from dataflux.errors import Conflict, DataFluxError, Denied, Invalid, Unavailable
from schemas import ids
from stores.records import tenants
from stores.records.database import ROLES, Database, translated
from tests.stores.records.runs_in import IDS, add_asset, session, system

LINEAGE = ("entities", "assets", "segments", "texts", "features", "embeddings", "renditions")
GUARDED = (
    *LINEAGE,
    *("relationships", "users", "groups", "group_members", "sources", "contents", "arrivals"),
    *("runs", "run_stages", "pieces", "attempts", "outbox", "inbox", "dead_letters", "tenants"),
)


def driver_errors() -> list[type[psycopg.Error]]:
    found = [
        each
        for module in (psycopg, errors, psycopg_pool)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, psycopg.Error)
    ]
    return sorted(set(found), key=lambda each: each.__name__)


@pytest.mark.parametrize("kind", driver_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_driver_becomes_ours(kind: type[psycopg.Error]) -> None:
    cause = kind("what the driver says")
    with pytest.raises(DataFluxError, match="what the driver says") as raised, translated():
        raise cause
    assert raised.value.__cause__ is cause


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        (errors.UniqueViolation, Conflict),
        (errors.ForeignKeyViolation, Conflict),
        (errors.CheckViolation, Invalid),
        (errors.InvalidTextRepresentation, Invalid),
        (errors.InsufficientPrivilege, Denied),
        (errors.DeadlockDetected, Unavailable),
        (errors.SerializationFailure, Unavailable),
        (errors.AdminShutdown, Unavailable),
        (errors.IdleInTransactionSessionTimeout, Unavailable),
        (errors.DiskFull, Unavailable),
        (psycopg_pool.PoolTimeout, Unavailable),
        (psycopg_pool.PoolClosed, Unavailable),
        (psycopg.InterfaceError, Unavailable),
        (errors.UndefinedTable, DataFluxError),
        (errors.SyntaxError, DataFluxError),
    ],
)
def test_the_kind_of_an_error_is_kept(kind: type[psycopg.Error], ours: type[DataFluxError]) -> None:
    with pytest.raises(DataFluxError) as raised, translated():
        raise kind("x")
    assert type(raised.value) is ours
    assert raised.value.retryable == (ours is Unavailable)


def test_an_error_does_not_quote_rows(database: Database, tenant: UUID) -> None:
    with pytest.raises(Conflict) as raised, session(database, tenant, "app") as conn:
        conn.execute(
            "INSERT INTO groups (id, tenant_id, name)"
            " SELECT gen_random_uuid(), tenant(), 'secret name' FROM generate_series(1, 2)"
        )
    assert "groups_tenant_id_name_key" in str(raised.value)
    assert "secret name" not in str(raised.value)


def test_a_server_that_is_down_is_unavailable() -> None:
    with (
        Database("host=/nowhere user=x", timeout_s=0.2) as down,
        pytest.raises(Unavailable),
        down.connection("app"),
    ):
        pass


def test_a_pool_that_is_used_up_is_unavailable(database: Database) -> None:
    with (
        Database(database.dsn, size=1, timeout_s=0.05) as small,
        small.connection("app"),
        pytest.raises(Unavailable),
        small.connection("app"),
    ):
        pass


def test_a_connection_that_broke_is_replaced(database: Database) -> None:
    with Database(database.dsn, size=1) as made:
        with made.connection("app") as conn:
            broken = conn.info.backend_pid
        with database.installer() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [broken])
        with made.connection("app") as conn:
            assert conn.info.backend_pid != broken


@pytest.mark.parametrize("role", ROLES)
def test_a_connection_has_its_role_and_no_transaction(database: Database, role: str) -> None:
    with database.connection(role) as conn:
        row = conn.execute(
            "SELECT current_user, (SELECT rolsuper OR rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user)"
        ).fetchone()
        assert row == (f"df_{role}", False)
        assert conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def test_an_unknown_role_is_refused(database: Database) -> None:
    with (
        pytest.raises(DataFluxError, match="'search'; known: app, worker"),
        database.connection("search"),
    ):
        pass


# -- row security -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize("table", GUARDED)
def test_every_table_is_guarded(database: Database, table: str, role: str) -> None:
    with database.installer() as conn:
        row = conn.execute(
            "SELECT c.relrowsecurity AND c.relforcerowsecurity,"
            " array_agg(pg_get_expr(p.polqual, p.polrelid)), bool_and(p.polpermissive)"
            " FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
            " WHERE c.oid = %s::regclass AND %s::regrole = ANY(p.polroles) GROUP BY c.oid",
            [table, f"df_{role}"],
        ).fetchone()
    column = "id" if table == "tenants" else "tenant_id"
    assert row == (True, [f"({column} = ( SELECT tenant() AS tenant))"], True)


def test_no_table_was_forgotten(database: Database) -> None:
    with database.installer() as conn:
        open_tables = conn.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relrowsecurity"
            " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
            "             AND a.attname = 'tenant_id')"
        ).fetchall()
    assert open_tables == []


@pytest.mark.parametrize("role", ["app", "worker"])
def test_without_a_tenant_nothing_can_be_read(database: Database, tenant: UUID, role: str) -> None:
    with session(database, tenant) as conn:
        add_asset(conn)
    for table in ("entities", "assets", "tenants"):
        with pytest.raises(DataFluxError), database.connection(role) as conn:
            conn.execute(f"SELECT * FROM {table}".encode())


def test_a_tenant_does_not_outlive_its_transaction(database: Database, tenant: UUID) -> None:
    with Database(database.dsn, size=1) as made:
        with session(made, tenant) as conn:
            add_asset(conn)
        with pytest.raises(DataFluxError), made.connection("worker") as conn:
            conn.execute("SELECT * FROM entities")


@pytest.mark.parametrize("role", ["app", "worker", "admin", "relay"])
def test_leaves_are_granted_to_nobody(database: Database, role: str) -> None:
    with pytest.raises(Denied), database.connection(role) as conn:
        conn.execute("SELECT count(*) FROM entities_archive")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("worker", "SELECT * FROM api_keys"),
        ("worker", "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'x')"),
        ("app", "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'x')"),
        ("app", "SELECT ensure_year(2050)"),
        ("app", "SELECT make_shard('x', null, shard_edge(2000, 0))"),
        ("app", "CREATE TABLE mine (id int)"),
        ("relay", "SELECT * FROM entities"),
        ("relay", "SELECT * FROM texts"),
        ("relay", "DELETE FROM runs"),
    ],
)
def test_a_role_has_its_own_rights_only(database: Database, role: str, statement: str) -> None:
    with pytest.raises(Denied), database.connection(role) as conn:
        conn.execute(statement.encode())


def test_only_the_search_role_reads_what_search_reads_openly(database: Database) -> None:
    with database.installer() as conn:
        members = conn.execute(
            "SELECT m.member::regrole::text FROM pg_auth_members m"
            " WHERE m.roleid = 'df_search'::regrole"
        ).fetchall()
    assert members == [("df_owner",)]


# -- shards -----------------------------------------------------------------------------------


def test_the_shards_of_a_new_year_can_be_made_beside_open_writers(
    database: Database, tenant: UUID
) -> None:
    year = 2090
    future = ids.lineage(year, 0, bytes(12))
    with pytest.raises(DataFluxError), session(database, tenant) as conn:
        add_asset(conn, future)
    with session(database, tenant) as writer:
        add_asset(writer)
        for _ in range(2):
            with system(database, "admin") as conn:
                conn.execute("SET LOCAL lock_timeout = '1s'")
                tenants.ensure_shards(conn, year)
    with session(database, tenant) as conn:
        assert add_asset(conn, future) == future
        shards = dict(
            conn.execute("SELECT leaf, shard FROM shards WHERE year >= %s", [year]).fetchall()
        )
    assert shards["entities_y2090_0"] == "shard_1"
    assert len(shards) == 8


@pytest.mark.parametrize("year", [2001, 2020])
def test_earlier_years_are_in_the_archive(database: Database, tenant: UUID, year: int) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn, ids.lineage(year, 0, IDS.token().bytes[:12]))
        leaf = conn.execute("SELECT tableoid::regclass::text FROM entities WHERE id = %s", [asset])
        assert leaf.fetchone() == ("entities_archive",)


def test_who_holds_a_lock_and_is_silent_is_ended(database: Database, tenant: UUID) -> None:
    """A process that was stopped in a transaction must not hold up the others for ever."""
    lock = "SELECT pg_advisory_xact_lock(20261124)"

    def sleep_on_it(silent: Database) -> None:
        with session(silent, tenant) as conn, session(database, tenant) as rival:
            conn.execute(lock)
            rival.execute(lock)  # waits until the first one has been ended
            conn.execute("SELECT 1")

    with Database(database.dsn, idle_s=0.1) as silent, pytest.raises(Unavailable, match="idle"):
        sleep_on_it(silent)
