"""Turn what a dispatcher of the cluster has given up into the dead letters that all hosts keep."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from uuid import NAMESPACE_OID, uuid5

import orjson

from dataflux import telemetry
from dataflux.errors import Invalid
from events import codec
from events.bus import Delivery
from events.event import PREFIX, Event
from events.http import attributes_of, from_http
from events.topics import DEAD_LETTERS, TOPICS, topic_of
from functions.bury.verdict import ADDED, Verdict, verdict
from functions.deps import Deps
from functions.disposition import Disposition
from functions.hosts.given_up import NOWHERE, GivenUp
from functions.hosts.http import topic_named
from functions.notify import handler as notify
from schemas.names import Lane, Undelivered
from stores.records.dead_letters import DeadLetter

WRAPPED = "dev.knative.kafka.event"
"""The type that KafkaSource gives a record that is no CloudEvent: its id says where it lay."""
_LAY = re.compile("partition:([0-9]{1,9})/offset:([0-9]{1,18})")

Attributes = Mapping[str, str]


def handle(body: bytes, deps: Deps, headers: Mapping[str, str]) -> None:
    """Keep what was given up. The same, come once more, changes nothing.

    Nothing is refused, for there is nobody behind this function: what it refused would be gone.
    """
    for letter in letters(body, headers, deps.clock.now()):
        if deps.engine.bury(letter, once=True):
            telemetry.DEAD.labels(letter.function).inc()


def letters(body: bytes, headers: Mapping[str, str], now: datetime) -> list[DeadLetter]:
    """Return the letters that a request stands for, whatever it holds."""
    lower = {name.lower(): value for name, value in headers.items()}
    attributes = attributes_of(lower, {})
    told = verdict(attributes)
    if attributes and told.function == notify.FUNCTION:
        return [_notice(body, lower, told, now)]
    if attributes.get("type") == WRAPPED:
        return [_record(body, attributes, told, now)]
    try:
        return [_event(event, now) for event in from_http(lower, body)]
    except Invalid as error:
        kept = attributes | {"datacontenttype": lower.get("content-type", "")}
        return [_unreadable(body, kept if attributes else {}, told, str(error), now)]


def _event(given: Event, now: datetime) -> DeadLetter:
    """Return the letter of an event of ours, as it was before the dispatcher added to it."""
    told = verdict(given.extensions)
    kept = {name: value for name, value in given.extensions.items() if name not in ADDED}
    event = replace(given, extensions=kept)
    delivery = Delivery(topic_of(event), NOWHERE, NOWHERE, codec.dumps(event), event)
    return _given_up(delivery, told, told.why, now)


def _record(body: bytes, attributes: Attributes, told: Verdict, now: datetime) -> DeadLetter:
    """Return the letter of a record that is no event: its bytes, and where they lay."""
    topic = attributes.get("source", "").rpartition("#")[2] or DEAD_LETTERS
    lay = _LAY.fullmatch(attributes.get("id", ""))
    partition, offset = (int(lay[1]), int(lay[2])) if lay else (NOWHERE, NOWHERE)
    delivery = Delivery(topic, partition, offset, body, None)
    letter = _given_up(delivery, told, Disposition("unreadable", told.why.detail), now)
    return letter if lay else _named(letter, body, attributes)


def _unreadable(
    body: bytes, attributes: Attributes, told: Verdict, problem: str, now: datetime
) -> DeadLetter:
    """Return the letter of what Knative takes for an event, and we do not."""
    value = orjson.dumps(_structured(body, attributes)) if attributes else body
    delivery = Delivery(_topic(attributes), NOWHERE, NOWHERE, value, None)
    letter = _given_up(delivery, told, Disposition("unreadable", problem), now)
    return _named(letter, body, attributes)


def _structured(body: bytes, attributes: Attributes) -> dict[str, object]:
    """Return the structured form; data that is no JSON is in Base64."""
    kept = {name: value for name, value in attributes.items() if name not in ADDED and value}
    try:
        return {**kept, "data": orjson.loads(body)}
    except orjson.JSONDecodeError:
        return {**kept, "data_base64": b64encode(body).decode()}


def _topic(attributes: Attributes) -> str:
    name = attributes.get("type", "").removeprefix(PREFIX)
    lane = attributes.get("lane", Lane.NORMAL)
    named = (f"dataflux.{name}", f"dataflux.{name}.{lane}")
    return next((topic for topic in named if topic in TOPICS), DEAD_LETTERS)


def _named(letter: DeadLetter, body: bytes, attributes: Attributes) -> DeadLetter:
    """Return it under the name that its event gives itself, else that its bytes give it."""
    source, id_ = attributes.get("source"), attributes.get("id")
    what = f"{source}#{id_}" if source and id_ else sha256(body).hexdigest()
    return replace(
        letter,
        id=uuid5(NAMESPACE_OID, f"{letter.function}/{what}"),
        event_id=id_,
        event_type=attributes.get("type"),
    )


def _given_up(delivery: Delivery, told: Verdict, why: Disposition, now: datetime) -> DeadLetter:
    """Return the letter as our own hosts write it. When it failed first, a dispatcher keeps."""
    return GivenUp(told.function, delivery, why, told.attempts, now, now, told.told).letter()


def _notice(body: bytes, headers: Attributes, told: Verdict, now: datetime) -> DeadLetter:
    """Return the letter of what a store told of."""
    reasons = {"retry": Undelivered.DEPENDENCY_DOWN, "invalid": Undelivered.INVALID_EVENT}
    reason = reasons.get(told.why.name, Undelivered.FUNCTION_FAILED)
    letter = notify.letter(body, topic_named(headers), [(reason, told.why.detail)], now)
    origin = {**letter.origin, **told.told}
    return replace(letter, attempts=told.attempts, origin=origin)
