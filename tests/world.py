"""A small tenant for tests of the stores: people, collections, assets and their segments."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.types.json import Jsonb

from dataflux.clock import IdFactory, seeded
from dataflux.permissions import Caller
from schemas import ids
from stores.records import access, memberships
from stores.records.database import Database
from stores.records.lexemes import lexemes

Db = Connection[Any]


@dataclass
class World:
    """Writes rows straight into the tables of one tenant."""

    database: Database
    tenant: UUID
    make: IdFactory

    @contextlib.contextmanager
    def session(self, tenant: UUID, role: str) -> Iterator[Db]:
        """Open a transaction of a role with the tenant set, as the engine does."""
        with self.database.connection(role) as conn, conn.transaction():
            conn.execute("SELECT set_config('dataflux.tenant', %s, true)", (str(tenant),))
            yield conn

    def app(self) -> contextlib.AbstractContextManager[Db]:
        return self.session(self.tenant, "app")

    def neighbour(self) -> "World":
        """Return another tenant of the same installation."""
        return make_world(self.database, self.make)

    def run(self, query: str, *params: Any) -> list[Any]:
        with self.app() as conn:
            found = conn.execute(query, params)
            return found.fetchall() if found.description else []

    # --- people -----------------------------------------------------------------------------------

    def user(self, *roles: str) -> Caller:
        user = self.make.token()
        self.run(
            "INSERT INTO users (id, tenant_id, name, roles) VALUES (%s, tenant(), %s, %s)",
            user,
            str(user),
            list(roles),
        )
        return Caller(self.tenant, user, (user,), frozenset(roles))

    def group(self) -> UUID:
        group = self.make.token()
        self.run(
            "INSERT INTO groups (id, tenant_id, name) VALUES (%s, tenant(), %s)", group, str(group)
        )
        return group

    def grant(
        self, subject: UUID, entity: UUID, permission: str = "viewer", until: datetime | None = None
    ) -> None:
        with self.app() as conn:
            new = access.NewGrant(self.make.token(), subject, entity, permission, expires_at=until)
            access.grant(conn, new)

    # --- things -----------------------------------------------------------------------------------

    def collection(self, parent: UUID | None = None) -> UUID:
        made = self.make.lineage()
        with self.app() as conn:
            memberships.create_collection(conn, made, "collection", parent)
        return made

    def asset(
        self,
        *collections: UUID,
        kind: str = "video",
        mime: str = "video/mp4",
        created: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    ) -> UUID:
        """Add an asset of one version, whose id is its lineage."""
        made = self.make.lineage()
        with self.app() as conn:
            conn.execute(
                "INSERT INTO entities (id, tenant_id, entity_type, version_of, created_at)"
                " VALUES (%s, tenant(), 'asset', %s, %s)",
                (made, made, created),
            )
            conn.execute(
                "INSERT INTO assets (id, tenant_id, lineage, kind, filename, file_hash, file_size,"
                " mime_type, storage_path) VALUES"
                " (%s, tenant(), %s, %s, 'file', 'hash', 1, %s, '')",
                (made, made, kind, mime),
            )
            memberships.place(conn, made, collections)
        return made

    def segment(self, asset: UUID, n: int = 0, *texts: str, **more: Any) -> UUID:
        """Add a segment with spoken texts; `more`: start, end, type, source, language."""
        made = ids.derived(asset, "segment", n)
        with self.app() as conn:
            conn.execute(
                "INSERT INTO entities (id, tenant_id, entity_type, parent_id)"
                " VALUES (%s, tenant(), 'segment', %s)",
                (made, asset),
            )
            conn.execute(
                "INSERT INTO segments (id, tenant_id, asset_id, lineage, run_id, parent_id,"
                " segment_type, sequence_number, start_marker, end_marker, t_start, t_end)"
                " VALUES (%s, tenant(), %s, %s, %s, %s, %s, %s, '{}', '{}', %s, %s)",
                (
                    made,
                    *[asset] * 4,
                    more.get("type", "scene"),
                    n,
                    more.get("start"),
                    more.get("end"),
                ),
            )
        for at, body in enumerate(texts):
            self.text(made, body, at, more.get("source", "spoken"), more.get("language"))
        return made

    def text(
        self,
        segment: UUID,
        body: str,
        n: int = 0,
        source: str = "spoken",
        language: str | None = None,
    ) -> UUID:
        made = ids.derived(segment, "text", source, n)
        tsv, dl = lexemes(body, language, source)
        self.run(
            "INSERT INTO texts (id, tenant_id, segment_id, run_id, source, language, body, tsv, dl)"
            " VALUES (%s, tenant(), %s, %s, %s, %s, %s, %s::tsvector, %s)",
            made,
            segment,
            segment,
            source,
            language,
            body,
            tsv,
            dl,
        )
        return made

    def feature(self, segment: UUID, domain: str, kind: str, data: Mapping[str, Any]) -> UUID:
        made = ids.derived(segment, "feature", domain, kind)
        self.run(
            "INSERT INTO features (id, tenant_id, segment_id, run_id, feature_domain, feature_type,"
            " feature_data, analyzer_version) VALUES (%s, tenant(), %s, %s, %s, %s, %s, 'test@1')",
            made,
            segment,
            segment,
            domain,
            kind,
            Jsonb(data),
        )
        return made

    def delete(self, asset: UUID) -> None:
        self.run("UPDATE entities SET deleted_at = now() WHERE id = %s", asset)


def make_world(database: Database, make: IdFactory | None = None) -> World:
    """Create a tenant and return its world."""
    make = make or seeded(uuid4().int)
    tenant = make.token()
    with database.connection("admin") as conn:
        conn.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant, str(tenant)))
    return World(database, tenant, make)
