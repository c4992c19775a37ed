"""The servers that are known: what is said of them agrees; they crash and start again."""

import psycopg
import pytest
import yaml

from dataflux.errors import NotFound
from local.services import SERVERS, compose, named
from local.services.instance import Instance
from local.services.kafka import HERE
from local.services.server import accepts
from tests.fixtures.services import running


def test_there_is_a_container_for_each_server() -> None:
    services = yaml.safe_load(compose.FILE.read_text())["services"]
    assert set(services) == set(SERVERS)
    for name, server in SERVERS.items():
        published = " ".join(services[name]["ports"])
        assert f"${{{name.upper()}_{server.ports[0].upper()}_PORT:-" in published
        assert published.startswith("127.0.0.1:")
        assert services[name]["healthcheck"]


def test_the_version_of_kafka_is_the_one_that_maven_fetches() -> None:
    assert f"<version>{SERVERS['kafka'].version}</version>" in (HERE / "kafka.xml").read_text()


def test_a_server_that_is_not_known_is_refused() -> None:
    assert named(["redis"]) == [SERVERS["redis"]]
    assert named([]) == list(SERVERS.values())
    with pytest.raises(NotFound, match="kafka"):
        named(["redis", "oracle"])


@pytest.mark.services
@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_starts_again_after_a_crash(name: str) -> None:
    with running(name) as server:
        ports = server.place.ports
        server.kill()
        assert not accepts(ports["client"])
        server.start()
        assert server.place.ports == ports
        assert accepts(ports["client"])
        server.stop()
        assert server.process is None


@pytest.mark.services
def test_postgres_has_vectors(postgres: Instance) -> None:
    with psycopg.connect(postgres.settings["DATAFLUX_RECORDS"]) as conn:
        conn.execute("CREATE EXTENSION vector")
        assert conn.execute("SELECT '[1,2]'::halfvec(2) <=> '[1,2]'").fetchone() == (0.0,)
