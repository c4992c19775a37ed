"""What similarity means in each vector space: the cosine of random pairs, per tenant."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

Db = Connection[Any]

PAIRS = 1_000
"""From so many pairs on, a tenant's own numbers replace those a space is shipped with."""
_SAMPLE = 300  # vectors they are drawn from
_SMALLEST_SD = 1e-3


@dataclass(frozen=True, slots=True)
class Calibration:
    """Mean and deviation of the cosine of random pairs."""

    mean: float
    sd: float
    pairs: int = 0


def known(conn: Db) -> frozenset[str]:
    """Return the spaces that have ever had a vector."""
    return frozenset(row[0] for row in conn.execute("SELECT space FROM model_spaces"))


def calibration(conn: Db, space: str) -> Calibration | None:
    """Return the tenant's own calibration of a space, if there is one."""
    row = conn.execute(
        "SELECT mean, sd, pairs FROM space_stats WHERE space = %s", (space,)
    ).fetchone()
    return None if row is None else Calibration(*row)


def keep(conn: Db, space: str, measured: Calibration) -> None:
    """Store a calibration."""
    conn.execute(
        "INSERT INTO space_stats (tenant_id, space, mean, sd, pairs)"
        " VALUES (tenant(), %s, %s, %s, %s) ON CONFLICT (tenant_id, space) DO UPDATE"
        " SET mean = excluded.mean, sd = excluded.sd, pairs = excluded.pairs, measured_at = now()",
        (space, measured.mean, measured.sd, measured.pairs),
    )


def measure(conn: Db, space: str) -> Calibration | None:
    """Estimate a space anew from random pairs of the tenant's vectors, and keep the result.

    Pairs are of different lineages. None if there are too few to say anything.
    """
    row = conn.execute("SELECT table_name FROM model_spaces WHERE space = %s", (space,)).fetchone()
    cosines = [] if row is None else _cosines(conn, row[0])
    if len(cosines) < PAIRS:
        return None
    found = _calibration(cosines)
    keep(conn, space, found)
    return found


def of_words(space: str) -> str:
    """Return the name under which it is kept how words compare with what is in a space."""
    return f"{space}#words"


def measure_words(conn: Db, space: str, probes: Sequence[Sequence[float]]) -> Calibration | None:
    """Estimate how words compare with a tenant's vectors that they do not describe, and keep it.

    `probes` are vectors of words for many things, of which few are in any one archive.
    """
    row = conn.execute("SELECT table_name FROM model_spaces WHERE space = %s", (space,)).fetchone()
    cosines = _with_probes(conn, row[0], probes) if row and probes else []
    if len(cosines) < PAIRS:
        return None
    found = _calibration(cosines)
    keep(conn, of_words(space), found)
    return found


def _calibration(cosines: Sequence[float]) -> Calibration:
    sd = max(_SMALLEST_SD, statistics.stdev(cosines))
    return Calibration(statistics.fmean(cosines), sd, len(cosines))


def _cosines(conn: Db, table: str) -> list[float]:
    pairs = sql.SQL(
        "WITH drawn AS MATERIALIZED"
        " (SELECT id, lineage, v FROM {} WHERE tenant_id = tenant() ORDER BY random() LIMIT {})"
        " SELECT 1 - (a.v <=> b.v) FROM drawn a JOIN drawn b"
        " ON a.id < b.id AND a.lineage <> b.lineage ORDER BY random() LIMIT {}"
    ).format(sql.Identifier(table), _SAMPLE, PAIRS)
    return [float(row[0]) for row in conn.execute(pairs).fetchall()]


def _with_probes(conn: Db, table: str, probes: Sequence[Sequence[float]]) -> list[float]:
    pairs = sql.SQL(
        "WITH drawn AS MATERIALIZED"
        " (SELECT v FROM {} WHERE tenant_id = tenant() ORDER BY random() LIMIT {})"
        " SELECT 1 - (v <=> probe::halfvec) FROM drawn CROSS JOIN unnest(%s::text[]) probe"
    ).format(sql.Identifier(table), _SAMPLE)
    written = ["[" + ",".join(f"{number:.6g}" for number in probe) + "]" for probe in probes]
    return [float(row[0]) for row in conn.execute(pairs, (written,)).fetchall()]
