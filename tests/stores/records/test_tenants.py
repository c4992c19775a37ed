from uuid import UUID, uuid4

from stores.records import arrivals, people, tenants
from stores.records.arrivals import Source
from stores.records.database import Database
from tests.stores.records.runs_in import session, system


def test_a_tenant_is_found_by_its_name(database: Database) -> None:
    made, name = uuid4(), str(uuid4())
    with system(database, "admin") as conn:
        assert tenants.find(conn, name) is None
        tenants.create(conn, made, name)
        assert tenants.find(conn, name) == made
        assert made in tenants.everyone(conn)


def test_a_source_is_found_by_its_name(database: Database, tenant: UUID) -> None:
    owner = uuid4()
    inbox = Source(uuid4(), "inbox", owner, None, "low")
    with session(database, tenant, "app") as conn:
        people.create_user(conn, owner, "owner")
        tenants.add_source(conn, inbox)
        assert arrivals.source(conn, "inbox") == inbox
        assert arrivals.source(conn, "outbox") is None
