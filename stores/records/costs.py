"""What analyzers have taken: the mean of what the latest runs of a tenant say."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

RECENT = 200
"""Runs that are looked at: costs change with the machine and with what comes in."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The CPU seconds of an analyzer, and the units of its declared cost that they were for."""

    analyzer: str
    units: float
    cpu_s: float

    @property
    def mean(self) -> float:
        return self.cpu_s / self.units


def measured(conn: Connection[Any]) -> dict[str, Measured]:
    """Return by analyzer (name@version) what its latest work took.

    One without any is missing, and one whose work was too short for the clock.
    """
    with conn.cursor(row_factory=class_row(Measured)) as cursor:
        found = cursor.execute(
            "SELECT s.key AS analyzer, sum((s.value ->> 'units')::float8) AS units,"
            " sum((s.value ->> 'cpu_s')::float8) AS cpu_s FROM"
            " (SELECT id FROM runs"
            "  WHERE tenant_id = tenant() AND state IN ('completed', 'degraded')"
            "  ORDER BY finished_at DESC LIMIT %s) r JOIN pieces p ON p.run_id = r.id"
            " CROSS JOIN LATERAL jsonb_each(p.output -> 'spent') s GROUP BY s.key",
            [RECENT],
        ).fetchall()
    return {one.analyzer: one for one in found if one.units > 0 and one.cpu_s > 0}
