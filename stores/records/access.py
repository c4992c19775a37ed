"""Grants in the database, and the one predicate by which every read path knows what is visible."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from psycopg import Connection, sql

from dataflux.errors import Denied, Invalid, NotFound
from dataflux.permissions import GRANTS, Caller, Grant, Verb, allowed, granting, holds
from stores.ports import Scope
from stores.records.filters import Condition

Db = Connection[Any]


class Asker(Protocol):
    """Who asks: a Caller or a Scope."""

    @property
    def subjects(self) -> tuple[UUID, ...]: ...
    @property
    def sees_all(self) -> bool: ...


def scope(caller: Caller, filters: Any = None) -> Scope:
    """Return what a search of this caller runs inside."""
    return Scope(caller.tenant, caller.subjects, caller.sees_all, filters)


def visible(asker: Asker, lineage: str) -> Condition:
    """Return the condition that a lineage, named by an SQL expression, may be seen.

    OFFSET 0 keeps the planner from hashing every scope of the tenant.
    """
    if asker.sees_all:
        return Condition(sql.SQL("true"), {})
    held = sql.SQL(
        "EXISTS (SELECT 1 FROM asset_scopes sc JOIN permissions p ON p.entity_id = sc.scope"
        " WHERE sc.lineage = {} AND {} OFFSET 0)"
    ).format(sql.SQL(lineage), _HELD)
    return Condition(held, subjects(asker))


def may(caller: Caller, lineage: str, verb: str) -> Condition:
    """Return the condition that the caller sees a lineage and may do this to it."""
    seen = visible(caller, lineage)
    if holds(caller.roles, verb):
        return seen
    granted = sql.SQL(
        "EXISTS (SELECT 1 FROM asset_scopes sc JOIN permissions p ON p.entity_id = sc.scope"
        " WHERE sc.lineage = {} AND p.subject_id = ANY(%(holders)s)"
        " AND p.permission_type = ANY(%(granting)s)"
        " AND (p.expires_at IS NULL OR p.expires_at > now()) OFFSET 0)"
    ).format(sql.SQL(lineage))
    params = {"holders": list(caller.subjects), "granting": list(granting(verb))}
    return Condition(sql.SQL("{} AND {}").format(seen.sql, granted), {**seen.params, **params})


_HELD = sql.SQL(
    "p.subject_id = ANY(%(subjects)s) AND p.permission_type = ANY(%(viewing)s)"
    " AND (p.expires_at IS NULL OR p.expires_at > now())"
)
SEEN = sql.SQL(
    "SELECT DISTINCT sc.lineage FROM permissions p JOIN asset_scopes sc"
    " ON sc.tenant_id = p.tenant_id AND sc.scope = p.entity_id WHERE {}"
).format(_HELD)
"""Every lineage that `subjects` may see."""


def subjects(asker: Asker) -> dict[str, Any]:
    """Return the parameters of SEEN."""
    return {"subjects": list(asker.subjects), "viewing": list(granting(Verb.VIEW))}


def can(conn: Db, caller: Caller, entity: UUID, verb: str) -> bool:
    """Return whether the caller may do this to an asset, version, segment or collection."""
    found = conn.execute(
        "SELECT p.permission_type, p.expires_at, now() FROM (SELECT lineage_of(%s) AS id) l"
        " LEFT JOIN asset_scopes sc ON sc.lineage = l.id"
        " LEFT JOIN permissions p ON p.entity_id = sc.scope AND p.subject_id = ANY(%s)"
        " WHERE l.id IS NOT NULL",
        (entity, list(caller.subjects)),
    ).fetchall()
    grants = [Grant(permission, until) for permission, until, _ in found if permission]
    return bool(found) and allowed(caller, grants, verb, found[0][2])


def seen(conn: Db, asker: Asker, entities: Sequence[UUID]) -> set[UUID]:
    """Return which of these entities the asker may see."""
    may = visible(asker, "l.id")
    query = sql.SQL(
        "SELECT e.id FROM unnest(%(entities)s::uuid[]) e(id)"
        " CROSS JOIN LATERAL (SELECT lineage_of(e.id) AS id) l WHERE {}"
    ).format(may.sql)
    found = conn.execute(query, {**may.params, "entities": list(entities)}).fetchall()
    return {row[0] for row in found}


def require(conn: Db, caller: Caller, entity: UUID, verb: str) -> None:
    """Raise NotFound if the caller cannot see the entity, Denied if it is this verb they lack."""
    if not can(conn, caller, entity, Verb.VIEW):
        raise NotFound(f"nothing is known here as {entity}; check the id")
    if not can(conn, caller, entity, verb):
        raise Denied(f"you may not {verb} {entity}; ask one of its owners")


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant to store; the entity is an asset (any version) or a collection."""

    id: UUID
    subject: UUID
    entity: UUID
    permission: str
    by: UUID | None = None
    expires_at: datetime | None = None


def grant(conn: Db, new: NewGrant) -> None:
    """Grant a permission, or change until when it holds."""
    entity, kind = _entity(conn, new.entity), _subject_kind(conn, new.subject)
    if new.permission not in GRANTS:
        known = ", ".join(GRANTS)
        raise Invalid(f"unknown permission {new.permission!r}", {"permission": f"use {known}"})
    conn.execute(
        "INSERT INTO permissions (id, tenant_id, subject_id, subject_kind, entity_id,"
        " permission_type, granted_by, expires_at) VALUES (%s, tenant(), %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, subject_id, entity_id, permission_type) DO UPDATE"
        " SET expires_at = excluded.expires_at, granted_by = excluded.granted_by,"
        " granted_at = now()",
        (new.id, new.subject, kind, entity, new.permission, new.by, new.expires_at),
    )
    changed(conn)


def revoke(conn: Db, subject: UUID, entity: UUID, permission: str | None = None) -> int:
    """Take back one permission, or all that a subject holds on an entity; return how many."""
    gone = conn.execute(
        "DELETE FROM permissions WHERE subject_id = %s AND entity_id = lineage_of(%s)"
        " AND (%s::text IS NULL OR permission_type = %s)",
        (subject, entity, permission, permission),
    ).rowcount
    if gone:
        changed(conn)
    return gone


def changed(conn: Db) -> None:
    """Make every cached decision of the tenant void."""
    conn.execute("UPDATE tenants SET acl_revision = acl_revision + 1 WHERE id = tenant()")


def revision(conn: Db) -> int:
    """Return the number under which decisions may be cached."""
    row = conn.execute("SELECT acl_revision FROM tenants WHERE id = tenant()").fetchone()
    return int(row[0]) if row else 0


def _entity(conn: Db, entity: UUID) -> UUID:
    row = conn.execute(
        "SELECT entity_type, coalesce(version_of, id) FROM entities WHERE id = %s", (entity,)
    ).fetchone()
    if row is None:
        raise NotFound(f"nothing is known here as {entity}; check the id")
    if row[0] not in ("asset", "collection"):
        raise Invalid(
            f"a {row[0]} cannot be granted", {"entity": "grant its asset or a collection"}
        )
    return UUID(str(row[1]))


def _subject_kind(conn: Db, subject: UUID) -> str:
    row = conn.execute(
        "SELECT 'user' FROM users WHERE id = %(s)s UNION ALL"
        " SELECT 'group' FROM groups WHERE id = %(s)s",
        {"s": subject},
    ).fetchone()
    if row is None:
        raise Invalid(f"no user or group {subject}", {"subject": "must be a user or a group"})
    return str(row[0])
