"""All rows of a database, out and in again: table by table, as PostgreSQL's COPY writes them.

Vector indexes stay out: they are built anew from the objects that hold the vectors.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from psycopg import Connection, sql

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are kept; a column that counts by itself is not among its columns."""

    name: str
    columns: tuple[str, ...]
    ordered_by: str | None = None

    @property
    def listed(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


_TABLES = """
SELECT c.relname,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attidentity = ''),
       max(a.attname::text) FILTER (WHERE a.attidentity <> '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT LIKE 'vec\\_%' AND has_table_privilege(c.oid, 'INSERT')
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname ORDER BY c.relname
"""
_REFERENCES = """
SELECT DISTINCT coalesce(pg_partition_root(conrelid), conrelid)::regclass::text,
       coalesce(pg_partition_root(confrelid), confrelid)::regclass::text
FROM pg_constraint WHERE contype = 'f'
"""
_VECTORS = (
    "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relkind = 'r' AND relname LIKE 'vec\\_%'"
)
_OUT = sql.SQL("COPY (SELECT {columns} FROM {table}{order}) TO STDOUT")
_STAGED = sql.SQL("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS TABLE {table} WITH NO DATA")
_IN = sql.SQL("COPY staged ({columns}) FROM STDIN")
_INSERT = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM staged")
_DELETE = sql.SQL("DELETE FROM {table}")
_KEYS = """
SELECT storage_path FROM assets
UNION SELECT storage_path FROM contents
UNION SELECT object_key FROM renditions
UNION SELECT split_part(vector_id, '#', 1) FROM embeddings
UNION SELECT object_key FROM arrivals WHERE state = 'open'
"""


def one_moment(conn: Db) -> None:
    """Have the rest of this transaction see the database as it is now, and change nothing."""
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def tables(conn: Db) -> list[Table]:
    """Return every table with rows of its own, each after those that it refers to."""
    found = {name: Table(name, tuple(c), o) for name, c, o in conn.execute(_TABLES).fetchall()}
    before: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(found, ()))
    for name, other in conn.execute(_REFERENCES).fetchall():
        if name != other and {name, other} <= set(found):
            before.add(name, other)
    return [found[name] for name in before.static_order()]


def rows_out(conn: Db, table: Table) -> Iterator[bytes]:
    """Yield the rows of a table in COPY's text format."""
    query = _OUT.format(columns=table.listed, table=sql.Identifier(table.name), order=_order(table))
    with conn.cursor().copy(query) as rows:
        for chunk in rows:
            yield bytes(chunk)


def rows_in(conn: Db, table: Table, chunks: Iterable[bytes]) -> int:
    """Add rows as `rows_out` gave them; return how many there were.

    By way of a temporary table: COPY does not write where row security is on.
    """
    names = {"table": sql.Identifier(table.name), "columns": table.listed}
    conn.execute(_STAGED.format(**names))
    with conn.cursor().copy(_IN.format(**names)) as rows:
        for chunk in chunks:
            rows.write(chunk)
    added = conn.execute(_INSERT.format(**names))
    conn.execute("DROP TABLE staged")
    return added.rowcount


def object_keys(conn: Db) -> set[str]:
    """Return the key of every object that a row names."""
    return {key for (key,) in conn.execute(_KEYS)}


def is_empty(conn: Db) -> bool:
    """Return whether the database has no tenant, and so nothing of anybody's."""
    return conn.execute("SELECT FROM tenants LIMIT 1").fetchone() is None


def empty(conn: Db) -> None:
    """Delete all rows, of the vector indexes too."""
    for (name,) in conn.execute(_VECTORS).fetchall():
        conn.execute(_DELETE.format(table=sql.Identifier(name)))
    for table in reversed(tables(conn)):
        conn.execute(_DELETE.format(table=sql.Identifier(table.name)))


def applied(conn: Db) -> dict[str, str]:
    """Return the migrations that a database has had, with their checksums."""
    rows = conn.execute("SELECT number::text, checksum FROM public.migrations ORDER BY number")
    return dict(rows.fetchall())


def _order(table: Table) -> sql.Composable:
    """Keep the order of what counts by itself: it counts anew when it comes in."""
    if table.ordered_by is None:
        return sql.SQL("")
    return sql.SQL(" ORDER BY ") + sql.Identifier(table.ordered_by)
