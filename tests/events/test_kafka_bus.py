"""A real Kafka does what every bus does; members come, go and stay long at work."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from events.bus import Bus
from events.kafka_bus import KafkaBus
from events.topics import TOPICS
from local.services.instance import Instance
from tests.contracts.bus import FACT, OTHER, KeptBusContract

pytestmark = pytest.mark.services

Buses = Callable[[], KafkaBus]


@pytest.fixture
def buses(kafka: Instance) -> Iterator[Buses]:
    """Open members of one installation, which nobody else has."""
    servers = kafka.settings["DATAFLUX_BUS"].removeprefix("kafka://")
    prefix = f"t{uuid.uuid4().hex[:8]}."
    opened: list[KafkaBus] = []

    def open_() -> KafkaBus:
        opened.append(KafkaBus(servers, prefix=prefix))
        opened[-1].declare([TOPICS[FACT], TOPICS[OTHER]])
        return opened[-1]

    yield open_
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(buses: Buses) -> KafkaBus:
    return buses()


class TestKafkaBus(KeptBusContract):
    @pytest.fixture
    def bus(self, buses: Buses) -> Bus:
        return buses()

    @pytest.fixture
    def reopen(self, bus: Bus, buses: Buses) -> Callable[[], Bus]:
        def again() -> Bus:
            bus.close()
            return buses()

        return again
