"""What the first start of a laptop installation makes: tenant, owner, inbox, token."""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from dataflux.permissions import Caller, Role
from functions.deps import Deps
from stores.records import memberships, people, tenants
from stores.records.arrivals import Source

TENANT, OWNER, INBOX = "local", "owner", "inbox"
ROLES = (Role.ADMIN, Role.SUPERADMIN)


@dataclass(frozen=True)
class Installation:
    """The ids of a laptop's one tenant, and the token of its owner."""

    tenant: UUID
    owner: UUID
    token: str

    @property
    def caller(self) -> Caller:
        return Caller(self.tenant, self.owner, (self.owner,), frozenset(ROLES))


def ensure(deps: Deps) -> Installation:
    """Return the installation of this home; make what is missing of it."""
    token_file = deps.settings.home / "token"
    with deps.engine.system("admin") as conn:
        row = conn.execute(
            "SELECT t.id, u.id FROM tenants t JOIN users u ON u.tenant_id = t.id AND u.name = %s"
            " WHERE t.name = %s",
            [OWNER, TENANT],
        ).fetchone()
    tenant, owner = row or _create(deps)
    if not token_file.exists():
        _new_key(deps, tenant, owner, token_file)
    return Installation(tenant, owner, token_file.read_text().strip())


def _create(deps: Deps) -> tuple[UUID, UUID]:
    tenant, owner = deps.ids.token(), deps.ids.token()
    collection, source = deps.ids.lineage(), deps.ids.token()
    with deps.engine.session(tenant, "admin") as conn:
        conn.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", [tenant, TENANT])
        people.create_user(conn, owner, OWNER, ROLES)
        memberships.create_collection(conn, collection, INBOX)
        tenants.add_source(conn, Source(source, INBOX, owner, collection, None))
    return tenant, owner


def _new_key(deps: Deps, tenant: UUID, owner: UUID, file: Path) -> None:
    """Write a fresh token for the owner's eyes only; the database keeps its hash."""
    token = people.new_token(deps.ids.randomness)
    with deps.engine.session(tenant, "admin") as conn:
        key = people.NewKey(deps.ids.token(), owner, token, name="laptop")
        people.add_key(conn, key)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(token + "\n")
