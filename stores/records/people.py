"""Users, groups and API keys; of a key only the hash is kept."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from dataflux.errors import Invalid, NotFound, Unauthenticated
from dataflux.permissions import Caller, Role
from stores.records.access import changed

Db = Connection[Any]
_PREFIX = "df_"


def create_user(conn: Db, user: UUID, name: str, roles: Iterable[str] = ()) -> None:
    """Add a user, with roles of the system if any."""
    held = list(roles)
    if unknown := set(held) - set(Role):
        named = ", ".join(sorted(unknown))
        raise Invalid(f"unknown role {named}", {"roles": f"use {', '.join(Role)}"})
    conn.execute(
        "INSERT INTO users (id, tenant_id, name, roles) VALUES (%s, tenant(), %s, %s)",
        (user, name, held),
    )


@dataclass(frozen=True, slots=True)
class User:
    """Somebody of a tenant, with the roles that they have there."""

    id: UUID
    name: str
    roles: list[str]


def users(conn: Db) -> list[User]:
    """Return the users of the tenant, by name."""
    with conn.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(
            "SELECT id, name, roles FROM users WHERE disabled_at IS NULL ORDER BY name"
        ).fetchall()


def named(conn: Db, tenant: UUID, name: str) -> Caller:
    """Return what a user would be as a caller; raise NotFound if the tenant has none."""
    row = conn.execute(
        "SELECT id, roles, array(SELECT group_id FROM group_members WHERE user_id = u.id)"
        " FROM users u WHERE name = %s AND disabled_at IS NULL",
        (name,),
    ).fetchone()
    if row is None:
        raise NotFound(f"no user {name!r} here; `dataflux users list` names them")
    user, roles, groups = row
    return Caller(tenant, user, (user, *groups), frozenset(roles))


def create_group(conn: Db, group: UUID, name: str) -> None:
    """Add a group."""
    conn.execute(
        "INSERT INTO groups (id, tenant_id, name) VALUES (%s, tenant(), %s)", (group, name)
    )


def join(conn: Db, group: UUID, user: UUID) -> None:
    """Put a user into a group: what the group may, the user may."""
    _require(conn, group, user)
    conn.execute(
        "INSERT INTO group_members (group_id, user_id, tenant_id) VALUES (%s, %s, tenant())"
        " ON CONFLICT DO NOTHING",
        (group, user),
    )
    changed(conn)


def leave(conn: Db, group: UUID, user: UUID) -> None:
    """Take a user out of a group."""
    conn.execute("DELETE FROM group_members WHERE group_id = %s AND user_id = %s", (group, user))
    changed(conn)


def require(conn: Db, user: UUID) -> None:
    """Raise Invalid if the tenant has no such user."""
    if conn.execute("SELECT FROM users WHERE id = %s", (user,)).fetchone() is None:
        raise Invalid(f"unknown user {user}", {"user": "must be known here"})


def _require(conn: Db, group: UUID, user: UUID) -> None:
    """A foreign key would also accept the rows of another tenant."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM groups WHERE id = %s),"
        " EXISTS (SELECT FROM users WHERE id = %s)",
        (group, user),
    ).fetchone()
    known = zip(("group", "user"), row or (), strict=True)
    if bad := {name: "must be known here" for name, there in known if not there}:
        raise Invalid(f"unknown {' and '.join(bad)}", bad)


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key to store; its token is shown once and kept nowhere."""

    id: UUID
    user: UUID
    token: str
    name: str = ""
    expires_at: datetime | None = None


def new_token(randomness: Callable[[int], bytes]) -> str:
    """Return a fresh token of 256 random bits."""
    return _PREFIX + base64.urlsafe_b64encode(randomness(32)).decode().rstrip("=")


def add_key(conn: Db, key: NewKey) -> None:
    """Store the hash of a key."""
    require(conn, key.user)
    conn.execute(
        "INSERT INTO api_keys (id, tenant_id, user_id, name, hash, expires_at)"
        " VALUES (%s, tenant(), %s, %s, %s, %s)",
        (key.id, key.user, key.name, _hash(key.token), key.expires_at),
    )


def revoke_key(conn: Db, key: UUID) -> None:
    """Make a key void at once."""
    conn.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", (key,))


def authenticate(conn: Db, token: str) -> Caller:
    """Return who holds a token; needs no tenant. Unauthenticated if nobody does."""
    row = conn.execute("SELECT * FROM authenticate(%s)", (_hash(token),)).fetchone()
    if row is None:
        raise Unauthenticated("no valid API key was given; send one as a bearer token")
    tenant, user, roles, subjects = row
    return Caller(tenant, user, tuple(subjects), frozenset(roles))


def _hash(token: str) -> bytes:
    """A token is 256 random bits: one round of SHA-256 leaves nothing to guess."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
