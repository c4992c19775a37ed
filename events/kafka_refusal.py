"""Why a Kafka does not let us in: aiokafka only says that it could not begin."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from dataflux.errors import DataFluxError, Invalid, Unavailable

TRY_S = 5.0
CLOSE_S = 0.5


async def refusal(servers: str, options: Mapping[str, Any]) -> DataFluxError | None:
    """Knock at each server; return what is wrong at the last, None as soon as one lets us in."""
    found: DataFluxError | None = None
    for host, port, _ in collect_hosts(servers):
        where = f"kafka: {host}:{port}"
        try:
            await _knock(host, port, options)
        except ssl.SSLError as error:
            found = _untrusted(where, error)
        except (KafkaError, OSError, TimeoutError) as error:
            found = _refused(where, error, options)
        else:
            return None
    return found


async def _knock(host: str, port: int, options: Mapping[str, Any]) -> None:
    limit_ms = round(TRY_S * 1000)
    connection = AIOKafkaConnection(host, port, request_timeout_ms=limit_ms, **options)
    try:
        await connection.connect()
        await connection.send(MetadataRequest([]))
    finally:
        await asyncio.wait([connection.close()], timeout=CLOSE_S)


def _untrusted(where: str, error: ssl.SSLError) -> DataFluxError:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not trusted ({error.verify_message})"
        mend = "set DATAFLUX_KAFKA_CA to the CA that signed it, and use the name it is made out to"
    elif "CERTIFICATE" in str(error.reason):
        why = f"it refuses our certificate ({error.reason})"
        mend = "check DATAFLUX_KAFKA_CERTIFICATE and DATAFLUX_KAFKA_KEY"
    else:
        why = f"it does not speak TLS ({error.reason})"
        mend = "use its port for TLS, or unset DATAFLUX_KAFKA_TLS"
    return Invalid(f"{where}: {why}; {mend}")


def _refused(where: str, error: Exception, options: Mapping[str, Any]) -> DataFluxError:
    match type(error).__name__:
        case "SaslAuthenticationFailed" | "AuthenticationFailedError":
            why = f"it refuses the user {options.get('sasl_plain_username')!r} or its password"
            return Invalid(
                f"{where}: {why}; check DATAFLUX_KAFKA_USER, DATAFLUX_KAFKA_PASSWORD and"
                " DATAFLUX_KAFKA_SASL"
            )
        case "UnsupportedSaslMechanismError" | "IllegalSaslStateError" | "IllegalSaslState":
            return Invalid(f"{where}: {error}; set DATAFLUX_KAFKA_SASL to what it takes")
    if isinstance(error, (KafkaConnectionError, ConnectionResetError)):
        protocol = options["security_protocol"]
        wanted = " or ".join(_may_want(protocol))
        return Unavailable(f"{where}: it hangs up on who talks {protocol}; does it want {wanted}?")
    return Unavailable(f"{where}: {type(error).__name__}: {error}; is it running there?")


def _may_want(protocol: str) -> Iterator[str]:
    yield f"{'no ' if 'SSL' in protocol else ''}TLS (DATAFLUX_KAFKA_TLS)"
    if protocol == "SSL":
        yield "a certificate (DATAFLUX_KAFKA_CERTIFICATE)"
    if "SASL" not in protocol:
        yield "a password (DATAFLUX_KAFKA_SASL)"
