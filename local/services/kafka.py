"""Kafka: one broker that is its own controller (KRaft), its jars from Maven."""

import base64
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from local.services import packages
from local.services.server import HOST, Place, Server

HERE = Path(__file__).parent / "maven"
HEAP = "256m"
JVM = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
"""Starts fast and stays small."""

ONE_BROKER = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    # the topics of its own must not ask for three replicas
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # no pause of 3 s before the first rebalance; consumers may ask for short sessions
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # after a crash, a start waits until the registration of the dead one has timed out
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "num.recovery.threads.per.data.dir": "1",
    "num.io.threads": "2",
    "num.network.threads": "2",
    "background.threads": "2",
}


class Kafka(Server):
    """Topics are made by DataFlux, never by a first message."""

    name: ClassVar[str] = "kafka"
    version: ClassVar[str] = "4.4.0"
    ports: ClassVar[tuple[str, ...]] = ("client", "controller")
    users: ClassVar[tuple[str, ...]] = ()
    """Options that make users when its storage is formatted."""

    def install(self, built: Path) -> None:
        maven = packages.ensure("mvn", "maven")
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        pom, jars = HERE / "kafka.xml", built / "jars"
        packages.run(
            [maven, "-B", "-q", "-f", str(pom), *copy, f"-DoutputDirectory={jars}"],
            "fetching Kafka with Maven",
        )

    def prepare(self, place: Place) -> None:
        properties = place.data / "server.properties"
        lines = [f"{name}={value}\n" for name, value in self.properties(place).items()]
        properties.write_text("".join(lines))
        if not (place.data / "log" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            storage = ["kafka.tools.StorageTool", "format", "--standalone", *self.users]
            packages.run(
                [*_java(place, "128m"), *storage, f"--cluster-id={cluster}", "-c", str(properties)],
                "formatting Kafka's storage",
            )

    def properties(self, place: Place) -> dict[str, str]:
        """Return what the broker reads when it starts."""
        clients, controller = (f"{HOST}:{place.ports[name]}" for name in ("client", "controller"))
        listeners = f"PLAINTEXT://{clients},CONTROLLER://{controller}"
        return {
            **ONE_BROKER,
            "controller.quorum.bootstrap.servers": controller,
            "listeners": listeners,
            "advertised.listeners": listeners,
            "log.dirs": str(place.data / "log"),
        }

    def command(self, place: Place) -> Sequence[str]:
        return [*_java(place, HEAP), "kafka.Kafka", str(place.data / "server.properties")]

    def answers(self, place: Place) -> bool:
        return "Kafka Server started" in place.log.read_text(errors="replace")

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {"DATAFLUX_BUS": f"kafka://{HOST}:{ports['client']}"}


def _java(place: Place, heap: str) -> list[str]:
    java = packages.ensure("java", "default-jre-headless")
    logging = f"-Dlog4j2.configurationFile={HERE / 'kafka.log4j2.properties'}"
    folder = f"-Dkafka.logs.dir={place.data}"
    return [java, f"-Xmx{heap}", *JVM, logging, folder, "-cp", str(place.built / "jars/*")]
