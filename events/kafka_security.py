"""How to talk to a Kafka that wants TLS or a password: what aiokafka's clients are given."""

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataflux.errors import Invalid
from dataflux.settings import Settings, variable

PROTOCOLS = {
    (False, False): "PLAINTEXT",
    (True, False): "SSL",
    (False, True): "SASL_PLAINTEXT",
    (True, True): "SASL_SSL",
}
"""Kafka's names, by whether there is TLS and whether there is a password."""
PEM = "-----BEGIN "


def options(settings: Settings) -> dict[str, Any]:
    """Return the options of every client; raise Invalid for a certificate that cannot be used."""
    given: dict[str, Any] = {"security_protocol": protocol(settings)}
    if settings.kafka_tls:
        given["ssl_context"] = _context(settings)
    if settings.kafka_sasl:
        given |= {
            "sasl_mechanism": settings.kafka_sasl,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": settings.kafka_password,
        }
    return given


def protocol(settings: Settings) -> str:
    return PROTOCOLS[settings.kafka_tls, bool(settings.kafka_sasl)]


def described(settings: Settings) -> str:
    """Say what is used, without what is secret."""
    said = [protocol(settings)]
    if settings.kafka_tls:
        said.append("its own CA" if settings.kafka_ca else "the CAs of this machine")
    if settings.kafka_certificate:
        said.append("a client certificate")
    if settings.kafka_sasl:
        said.append(f"{settings.kafka_sasl} as {settings.kafka_user}")
    return ", ".join(said)


def _context(settings: Settings) -> ssl.SSLContext:
    with _reading("kafka_ca"), _file(settings.kafka_ca) as authority:
        context = ssl.create_default_context(cafile=authority)
    if settings.kafka_certificate:
        with (
            _reading("kafka_certificate"),
            _file(settings.kafka_certificate) as certificate,
            _file(settings.kafka_key) as key,
        ):  # a key that is encrypted would be asked for at the terminal
            assert certificate is not None
            context.load_cert_chain(certificate, key, password=lambda: b"")
    return context


@contextlib.contextmanager
def _reading(setting: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        name = variable(setting)
        also = f" with {variable('kafka_key')}" if setting == "kafka_certificate" else ""
        raise Invalid(
            f"settings: {name}{also} cannot be used: {error}; give a file in PEM, or its text",
            {setting: "is no file in PEM that can be read"},
        ) from error


@contextlib.contextmanager
def _file(given: str) -> Iterator[Path | None]:
    """Lend a file that holds what was given, which may be the text itself; None for nothing."""
    if not given.startswith(PEM):
        yield Path(given).expanduser() if given else None
        return
    with tempfile.NamedTemporaryFile("w", prefix="dataflux-", suffix=".pem") as file:
        file.write(given)
        file.flush()
        yield Path(file.name)
