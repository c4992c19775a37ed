"""A Kafka that wants TLS or a password is served, and one that refuses us says why at once."""

import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from dataflux.errors import DataFluxError, Invalid, Unavailable
from dataflux.settings import Settings
from events import kafka_security
from events.kafka_bus import KafkaBus
from events.told import opened
from events.topics import TOPICS
from tests.contracts.bus import FACT, LONG_S, event, names
from tests.fixtures.secured_kafka import MECHANISMS, Secured

PROMPT_S = 20.0


def connect(settings: Settings) -> KafkaBus:
    place, options = urlsplit(settings.bus), kafka_security.options(settings)
    return KafkaBus(place.netloc, prefix=place.path.strip("/"), security=options)


def passes(settings: Settings) -> None:
    """Make a topic, publish, consume, look: all clients there are."""
    bus = connect(settings.model_copy(update={"bus": f"{settings.bus}/t{uuid.uuid4().hex[:8]}."}))
    try:
        bus.declare([TOPICS[FACT]])
        consumer = bus.subscribe("g", [FACT])
        bus.publish([event("a")])
        (delivery,) = consumer.poll(1, LONG_S)
        assert names([delivery]) == ["a"]
        consumer.ack(delivery)
        assert bus.lag("g") == {FACT: 0}
    finally:
        bus.close()


def refused(settings: Settings, *words: str) -> DataFluxError:
    began = time.monotonic()
    with pytest.raises(DataFluxError) as caught:
        connect(settings).close()
    assert time.monotonic() - began < PROMPT_S
    for word in words:
        assert word in str(caught.value)
    assert "open sesame" not in str(caught.value)
    return caught.value


@pytest.mark.services
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_password_over_tls_lets_us_in(secured: Secured, mechanism: str) -> None:
    passes(secured.with_password(mechanism))


@pytest.mark.services
def test_a_client_certificate_lets_us_in(secured: Secured) -> None:
    passes(secured.with_certificate())


@pytest.mark.services
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_is_named(secured: Secured, mechanism: str) -> None:
    settings = secured.with_password(mechanism, kafka_password="wrong")
    error = refused(settings, "'dataflux'", "DATAFLUX_KAFKA_PASSWORD")
    assert isinstance(error, Invalid)


@pytest.mark.services
def test_a_wrong_authority_is_named(secured: Secured) -> None:
    other = trustme.CA().cert_pem.bytes().decode()
    for ca in (other, ""):
        error = refused(secured.with_password(kafka_ca=ca), "not trusted", "DATAFLUX_KAFKA_CA")
        assert isinstance(error, Invalid)


@pytest.mark.services
def test_no_certificate_where_one_is_wanted_is_named(secured: Secured) -> None:
    refused(secured.with_certificate(kafka_certificate=""), "DATAFLUX_KAFKA_CERTIFICATE")


@pytest.mark.services
def test_talking_plainly_to_a_port_for_tls_is_named(secured: Secured) -> None:
    settings = secured.with_password(kafka_tls=False, kafka_ca="")
    refused(settings, "DATAFLUX_KAFKA_TLS")
    refused(Settings(bus=settings.bus), "DATAFLUX_KAFKA_TLS", "DATAFLUX_KAFKA_SASL")
    without = {"kafka_sasl": "", "kafka_user": "", "kafka_password": ""}
    refused(secured.with_password(**without), "DATAFLUX_KAFKA_SASL")


@pytest.mark.services
def test_talking_tls_to_a_plain_port_is_named(secured: Secured) -> None:
    bus = f"kafka://127.0.0.1:{secured.place.ports['client']}"
    refused(secured.with_password(bus=bus), "DATAFLUX_KAFKA_TLS")


@pytest.mark.services
def test_where_stores_tell_of_objects_is_reached_likewise(secured: Secured) -> None:
    settings, wrong = secured.with_password(), secured.with_password(kafka_password="wrong")
    bus = connect(settings)
    bus.declare([TOPICS[FACT]])
    bus.close()
    opened(f"{settings.bus}/{FACT}", settings).close()
    with pytest.raises(Invalid, match="DATAFLUX_KAFKA_PASSWORD"):
        opened(f"{settings.bus}/{FACT}", wrong)


# -- without a server ---------------------------------------------------------------------------


def test_nobody_there_is_unavailable() -> None:
    error = refused(Settings(bus="kafka://127.0.0.1:1"), "127.0.0.1:1")
    assert isinstance(error, Unavailable)


@pytest.mark.parametrize(
    ("given", "bad"),
    [
        ({"kafka_ca": "/ca.pem"}, "kafka_ca"),
        ({"kafka_tls": True, "kafka_key": "/key.pem"}, "kafka_key"),
        ({"kafka_sasl": "PLAIN", "kafka_user": "u"}, "kafka_password"),
        ({"kafka_sasl": "PLAIN", "kafka_password": "p"}, "kafka_user"),
        ({"kafka_user": "u"}, "kafka_user"),
        ({"kafka_sasl": "GSSAPI", "kafka_user": "u", "kafka_password": "p"}, "kafka_sasl"),
    ],
)
def test_half_a_setting_is_refused(given: dict[str, Any], bad: str) -> None:
    with pytest.raises(Invalid) as caught:
        Settings.from_env({}, **given)
    assert f"DATAFLUX_{bad.upper()}" in caught.value.fields


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    own = trustme.CA().issue_cert("a.test")
    certificate = own.cert_chain_pems[0].bytes().decode()
    (tmp_path / "broken.pem").write_text("-----BEGIN nothing")
    for given in (
        {"kafka_ca": str(tmp_path / "absent.pem")},
        {"kafka_ca": str(tmp_path / "broken.pem")},
        {"kafka_certificate": certificate},  # without its key
    ):
        (name,) = given
        with pytest.raises(Invalid, match=f"DATAFLUX_{name.upper()}"):
            kafka_security.options(Settings(kafka_tls=True, **given))  # type: ignore[arg-type]
    both = own.private_key_pem.bytes().decode()
    settings = Settings(kafka_tls=True, kafka_certificate=certificate, kafka_key=both)
    assert kafka_security.options(settings)["ssl_context"]


def test_what_is_said_has_no_secret() -> None:
    settings = Settings(
        kafka_tls=True, kafka_sasl="PLAIN", kafka_user="reader", kafka_password="open sesame"
    )
    said = kafka_security.described(settings)
    assert said == "SASL_SSL, the CAs of this machine, PLAIN as reader"
    assert "sesame" not in repr(settings)
