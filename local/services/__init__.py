"""The servers that DataFlux can use instead of its embedded stores: one module a server.

To add one, write its module with a subclass of `Server` and list it here.
"""

from collections.abc import Sequence

from dataflux.errors import NotFound
from local.services.kafka import Kafka
from local.services.postgres import Postgres
from local.services.redis import Redis
from local.services.server import Server
from local.services.versitygw import Versitygw

SERVERS: dict[str, Server] = {
    server.name: server for server in (Kafka(), Postgres(), Redis(), Versitygw())
}


def named(names: Sequence[str]) -> list[Server]:
    """Return the servers of these names, or all; raise NotFound for one that is unknown."""
    unknown = [name for name in names if name not in SERVERS]
    if unknown:
        raise NotFound(f"no service {', '.join(unknown)}; known: {', '.join(SERVERS)}")
    return [SERVERS[name] for name in names or SERVERS]
