"""Everything a handler may use; the one place that knows every adapter."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from analyzers.sandbox import Limits, Sandbox
from dataflux import failpoints
from dataflux.clock import Clock, IdFactory
from dataflux.errors import Invalid
from dataflux.settings import Settings
from events.bus import Bus
from events.topics import TOPICS
from functions.cold import ColdStart
from functions.engine import Engine
from stores.cache.memory import MemoryCache
from stores.graph.postgres import PostgresGraph
from stores.objects.disk import DiskObjects
from stores.objects.s3_place import Place
from stores.ports import Cache, Graph, ObjectStore, VectorIndex
from stores.records.database import Database
from stores.records.migrate import migrate
from stores.vectors.pgvector import PgVectorIndex

if TYPE_CHECKING:
    from stores.objects.buckets import Buckets

CACHE_BYTES = 64 << 20


@dataclass(frozen=True)
class Deps:
    """The adapters, built once a process."""

    settings: Settings
    clock: Clock
    ids: IdFactory
    engine: Engine
    bus: Bus
    objects: ObjectStore
    vectors: VectorIndex
    graph: Graph
    cache: Cache
    registry: Registry
    sandbox: Sandbox

    @cached_property
    def buckets(self) -> "Buckets":
        """The buckets of sources: looked for when the first one is needed."""
        return _buckets(self.settings)


@contextlib.contextmanager
def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: IdFactory | None = None,
    born: float | None = None,
) -> Iterator[Deps]:
    """Build the adapters that the settings name; close them in the end.

    `born`: when this process was started, if that was for the events that it takes.
    """
    failpoints.arm(settings.failpoints)
    clock = clock or Clock()
    ids = ids or IdFactory(clock)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(_database(settings, stack))
        bus = _bus(settings)
        stack.callback(bus.close)
        objects = _objects(settings)
        engine = Engine(
            database,
            bus,
            objects,
            clock,
            ids,
            lease_s=settings.lease_s,
            renew_s=settings.renew_s,
            max_attempts=settings.max_attempts,
            cold=None if born is None else ColdStart(born),
        )
        registry = Registry.load(settings.analyzers, selection(settings), scenes=settings.scenes)
        limits = Limits(wall_s=settings.decode_s)
        sandbox = Sandbox(registry, limits=limits, require_seal=settings.require_seal is not False)
        stack.callback(sandbox.close)
        yield Deps(
            settings=settings,
            clock=clock,
            ids=ids,
            engine=engine,
            bus=bus,
            objects=objects,
            vectors=PgVectorIndex(engine.session),
            graph=PostgresGraph(engine.session),
            cache=MemoryCache(CACHE_BYTES),
            registry=registry,
            sandbox=sandbox,
        )


def _database(settings: Settings, stack: contextlib.ExitStack) -> Database:
    match urlsplit(settings.records).scheme:
        case "embedded":
            from stores.records.embedded import EmbeddedPostgres

            server = stack.enter_context(EmbeddedPostgres(settings.home / "postgres"))
            database = Database(server.dsn, idle_s=settings.lease_s)
        case "postgresql" | "postgres":
            database = Database(settings.records, idle_s=settings.lease_s)
        case scheme:
            raise _unknown("records", scheme, "embedded, postgresql")
    with database.installer() as conn:
        migrate(conn)
    return database


def selection(settings: Settings) -> Selection:
    """Return which models the settings want in the place of which analyzers."""
    return Selection(
        ModelStore(settings.model_folder),
        Runtime(settings.device, settings.encoder_threads),
        settings.text_model,
        settings.visual_model,
        settings.speech_model,
        settings.object_model,
        settings.face_model,
    )


def _objects(settings: Settings) -> ObjectStore:
    match urlsplit(settings.objects).scheme:
        case "embedded":
            return DiskObjects(settings.home / "objects")
        case "file":
            return DiskObjects(Path(url2pathname(urlsplit(settings.objects).path)))
        case "s3":
            return _s3(settings.objects)
        case scheme:
            raise _unknown("objects", scheme, "embedded, file, s3")


def _s3(url: str) -> ObjectStore:
    try:
        from stores.objects.s3 import S3Objects
    except ModuleNotFoundError as error:
        raise _needs_s3(url, error) from error
    return S3Objects.at(url)


def _buckets(settings: Settings) -> "Buckets":
    ours = urlsplit(settings.objects).scheme == "s3"
    url = settings.buckets or (settings.objects if ours else "s3:")
    try:
        from stores.objects.buckets import Buckets
        from stores.objects.s3_client import client_of
    except ModuleNotFoundError as error:
        raise _needs_s3(url, error) from error
    return Buckets(client_of(Place.of(url)))


def _needs_s3(url: str, error: ModuleNotFoundError) -> Invalid:
    return Invalid(f"{url} needs {error.name}; install dataflux[s3]")


def _bus(settings: Settings) -> Bus:
    match urlsplit(settings.bus).scheme:
        case "embedded":
            from events.log_bus import LogBus

            return LogBus(settings.home / "bus")
        case "http":
            from events.http_bus import HttpBus

            return HttpBus(settings.bus)
        case "kafka":
            return _kafka(settings)
        case scheme:
            raise _unknown("bus", scheme, "embedded, http, kafka")


def _kafka(settings: Settings) -> Bus:
    """Connect to kafka://host:port,host:port/prefix, and make the topics what is declared."""
    try:
        from events.kafka_bus import KafkaBus
    except ModuleNotFoundError as error:
        raise Invalid(f"{settings.bus} needs {error.name}; install dataflux[kafka]") from error
    from events import kafka_security

    place = urlsplit(settings.bus)
    prefix = place.path.strip("/")
    security = kafka_security.options(settings)
    bus = KafkaBus(place.netloc, prefix=prefix and f"{prefix}.", security=security)
    bus.declare(TOPICS.values())
    return bus


def _unknown(setting: str, scheme: str, known: str) -> Invalid:
    return Invalid(
        f"settings: DATAFLUX_{setting.upper()} has the unknown scheme {scheme!r}; known: {known}",
        {setting: f"use one of {known}"},
    )
