"""Which objects nothing stands for: their worker died, came too late, or its run is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from psycopg import Connection


@dataclass(frozen=True, slots=True)
class Place:
    """What the key of one of our objects says: whose it is, and which claim put it, if one did."""

    key: str
    tenant: UUID
    lineage: UUID
    piece: UUID | None = None
    claim: UUID | None = None

    @classmethod
    def of(cls, key: str) -> Self | None:
        """Read a key; None if it is not one that we make."""
        try:
            match key.split("/"):
                case ["originals", tenant, lineage, _]:
                    return cls(key, UUID(tenant), UUID(lineage))
                case ["derived", tenant, lineage, _, _, step, *_]:
                    piece, claim = UUID(step[:36]), UUID(step[37:])
                    return cls(key, UUID(tenant), UUID(lineage), piece, claim)
        except ValueError:
            return None
        return None


def unnamed(conn: Connection[Any], places: Sequence[Place]) -> list[str]:
    """Return the keys of those that no arrival or asset, and no claim that holds, stands for."""
    found = conn.execute(
        "SELECT o.key FROM unnest(%s::text[], %s::uuid[], %s::uuid[], %s::uuid[])"
        " o(key, lineage, piece, claim) WHERE"
        " NOT EXISTS (SELECT FROM pieces p WHERE p.id = o.piece AND p.claim = o.claim)"
        " AND NOT EXISTS (SELECT FROM arrivals v WHERE v.object_key = o.key)"
        " AND NOT EXISTS (SELECT FROM assets a WHERE a.lineage = o.lineage"
        "                 AND a.storage_path = o.key)",
        [
            [place.key for place in places],
            [place.lineage for place in places],
            [place.piece for place in places],
            [place.claim for place in places],
        ],
    ).fetchall()
    return [key for (key,) in found]
