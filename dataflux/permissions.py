"""Who may do what: the one set of rules, without a database.

A grant binds a user or group to an entity: as owner, editor or viewer, or for one right alone.
Grants flow from a collection to its assets to their segments; roles of the system hold everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Verb(StrEnum):
    VIEW = "view"
    EDIT = "edit"
    ANALYZE = "analyze"
    EXPORT = "export"
    DELETE = "delete"
    SHARE = "share"
    API = "api"


class Role(StrEnum):
    """What a caller is in the whole tenant; a superadmin runs the whole installation."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    SUPERADMIN = "superadmin"


_V = Verb
GRANTS: dict[str, frozenset[Verb]] = {
    "viewer": frozenset({_V.VIEW}),
    "editor": frozenset({_V.VIEW, _V.EDIT, _V.ANALYZE}),
    "owner": frozenset({_V.VIEW, _V.EDIT, _V.ANALYZE, _V.EXPORT, _V.DELETE, _V.SHARE}),
    **{verb: frozenset({verb}) for verb in (_V.ANALYZE, _V.EXPORT, _V.DELETE, _V.SHARE, _V.API)},
}
"""What each permission type allows. A right alone does not make its entity visible."""

_ROLES: dict[str, frozenset[Verb]] = {
    Role.ADMIN: frozenset(Verb),
    Role.OPERATOR: frozenset({_V.VIEW, _V.ANALYZE, _V.API}),
    Role.VIEWER: frozenset({_V.VIEW, _V.API}),
    Role.SUPERADMIN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `subjects` are the ids of the user and of the groups that the user is in."""

    tenant: UUID
    user: UUID
    subjects: tuple[UUID, ...]
    roles: frozenset[str] = frozenset()

    @property
    def sees_all(self) -> bool:
        return any(Verb.VIEW in _ROLES.get(role, ()) for role in self.roles)

    @property
    def operates(self) -> bool:
        """Whether the caller looks after the work of the tenant, or of the installation."""
        return self.spans_tenants or holds(self.roles, Verb.ANALYZE)

    @property
    def spans_tenants(self) -> bool:
        """Whether the caller sees what was given up in any tenant, or in none."""
        return Role.SUPERADMIN in self.roles


@dataclass(frozen=True, slots=True)
class Grant:
    """One stored grant that reaches the entity in question."""

    permission: str
    expires_at: datetime | None = None


def granting(verb: str) -> tuple[str, ...]:
    """Return the permission types that allow a verb."""
    return tuple(name for name, verbs in GRANTS.items() if verb in verbs)


def holds(roles: Iterable[str], verb: str) -> bool:
    """Return whether a role of the system allows a verb everywhere."""
    return any(verb in _ROLES.get(role, ()) for role in roles)


def allowed(caller: Caller, grants: Iterable[Grant], verb: str, now: datetime) -> bool:
    """Return whether the caller may do this to an entity that these grants reach.

    What nobody may see nobody may change: every verb but `api` needs sight of the entity.
    """
    valid = [grant for grant in grants if grant.expires_at is None or grant.expires_at > now]
    held = {verb for grant in valid for verb in GRANTS.get(grant.permission, ())}
    may = verb in held or holds(caller.roles, verb)
    return may and (verb == Verb.API or Verb.VIEW in held or caller.sees_all)
