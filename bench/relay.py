"""Events a second from the outbox to Kafka, and by aiokafka's own producer alone, in one run.

Run: python -m bench.relay [EVENTS]. Starts a Kafka and a PostgreSQL, installed if they are not.
"""

import asyncio
import contextlib
import importlib.metadata
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from aiokafka import AIOKafkaProducer

from dataflux.clock import Clock, IdFactory
from dataflux.settings import Settings
from events import codec
from events.event import PREFIX, Event
from events.kafka_bus import PRODUCER, KafkaBus
from events.kafka_codec import to_structured
from events.topics import TOPICS, work_topic
from functions.engine import Engine
from functions.relay.handler import BATCH
from local.services import SERVERS
from local.services.instance import Instance
from schemas.names import Lane, Stage
from stores.objects.disk import DiskObjects
from stores.records import outbox
from stores.records.database import Database
from stores.records.migrate import migrate

TOPIC = work_topic(Stage.ANALYZE, Lane.NORMAL)
ROW = 4
"""Events a row of the outbox: what one step announces."""
ROUNDS = 5
GOAL = 0.3


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    version = importlib.metadata.version("aiokafka")
    print(
        f"python {platform.python_version()}, aiokafka {version}, kafka {SERVERS['kafka'].version}"
    )
    with _installation() as (engine, servers):
        rates = [(_relayed(engine, events), _produced(servers, events)) for _ in range(ROUNDS + 1)]
    relay, alone = (statistics.median(r) for r in zip(*rates[1:], strict=True))  # the first warms
    ratio = statistics.median(ours / theirs for ours, theirs in rates[1:])
    told = "" if ratio >= GOAL else f"  below the goal of {GOAL:g}"
    print(f"{events} events, {ROW} a row, {ROUNDS} rounds")
    print(f"relay {relay:8,.0f}/s  producer alone {alone:8,.0f}/s  ratio {ratio:.2f}{told}")


@contextlib.contextmanager
def _installation() -> Iterator[tuple[Engine, str]]:
    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(_running(name)) for name in ("kafka", "postgres")}
        servers = started["kafka"].settings["DATAFLUX_BUS"].removeprefix("kafka://")
        database = stack.enter_context(Database(started["postgres"].settings["DATAFLUX_RECORDS"]))
        with database.installer() as conn:
            migrate(conn)
        bus = KafkaBus(servers)
        stack.callback(bus.close)
        bus.declare([TOPICS[TOPIC]])
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        clock = Clock()
        yield Engine(database, bus, DiskObjects(Path(folder)), clock, IdFactory(clock)), servers


@contextlib.contextmanager
def _running(name: str) -> Iterator[Instance]:
    with tempfile.TemporaryDirectory(prefix=f"dataflux-{name}-") as data:
        instance = Instance(SERVERS[name], Settings.from_env().cache_folder, Path(data))
        instance.start()
        try:
            yield instance
        finally:
            instance.kill()


def _relayed(engine: Engine, count: int) -> float:
    _fill(engine, count)
    began = time.perf_counter()
    while engine.relay(BATCH):
        pass
    return count / (time.perf_counter() - began)


def _fill(engine: Engine, count: int) -> None:
    """Leave rows in the outbox, old enough to be the relay's."""
    tenant = uuid4()
    with engine.database.connection("admin") as conn:
        conn.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", [tenant, str(tenant)])
    with engine.session(tenant) as conn, conn.pipeline():
        for _ in range(count // ROW):
            outbox.add(conn, tenant, [codec.to_dict(_event(tenant)) for _ in range(ROW)])
    with psycopg.connect(engine.database.dsn, autocommit=True) as conn:
        conn.execute("UPDATE outbox SET created_at = created_at - interval '1 min'")


def _produced(servers: str, count: int) -> float:
    """Return the rate of sending the same records as fast as the client can."""
    records = [to_structured(_event(uuid4())) for _ in range(count)]

    async def produce() -> float:
        async with AIOKafkaProducer(bootstrap_servers=servers, **PRODUCER) as producer:
            began = time.perf_counter()
            sent = [
                await producer.send(TOPIC, value, key, headers=list(headers))
                for headers, key, value in records
            ]
            await asyncio.gather(*sent)
            return count / (time.perf_counter() - began)

    return asyncio.run(produce())


def _event(tenant: UUID) -> Event:
    piece = str(uuid4())
    return Event(
        id=str(uuid4()),
        type=f"{PREFIX}work.analyze",
        source="/dataflux/bench",
        time=datetime.now(UTC),
        data={"piece": piece, "run": str(UUID(int=0)), "stage": "analyze"},
        subject=piece,
        extensions={"tenantid": str(tenant), "lane": "normal", "partitionkey": piece},
    )


if __name__ == "__main__":
    main()
