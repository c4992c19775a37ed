"""Read what a Knative dispatcher says of an event that it has given up."""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from dataflux.policy import REDELIVERIES
from functions.disposition import LONGEST, Disposition
from functions.hosts.given_up import KNATIVE
from functions.targets import BY_NAME

ADDED = (*KNATIVE, "dfreason")
"""What it adds to an event: what failed, and the `kne-` header of our answers."""
NOBODY = "bury"
"""Who gave up what nobody says anything of."""
_DEST, _CODE, _DATA = KNATIVE
_AGAIN = (404, 408, 409, 429)
"""With 5xx, what Knative tries again; all else it gives up at once."""
_LONGEST_NAME = 50


@dataclass(frozen=True)
class Verdict:
    """Who gave an event up, why, and after how many tries; `told`: in the dispatcher's words."""

    function: str
    why: Disposition
    attempts: int
    told: Mapping[str, str]


def verdict(attributes: Mapping[str, str]) -> Verdict:
    """Read it from the attributes of an event; what is not said there is left open."""
    told = {name: attributes[name] for name in KNATIVE if attributes.get(name)}
    code = _code(told.get(_CODE, ""))
    detail = _answer(told.get(_DATA, "")) or _nothing_said(told)
    attempts = 1 + REDELIVERIES * _is_tried_again(code) if told else 1
    return Verdict(_function(told.get(_DEST, "")), _why(code, detail), attempts, told)


def _code(text: str) -> int | None:
    return int(text) if re.fullmatch("[1-5][0-9]{2}", text) else None


def _is_tried_again(code: int | None) -> bool:
    return code is None or code >= 500 or code in _AGAIN


def _why(code: int | None, detail: str) -> Disposition:
    """Return the end that a function answers so; without an answer it has failed."""
    if code in (429, 503):
        name = Disposition.RETRY.name
    elif _is_tried_again(code):
        name = Disposition.FAILED.name
    else:
        name = Disposition.INVALID.name
    return Disposition(name, detail[:LONGEST])


def _function(dest: str) -> str:
    """Return who was asked: a service is named after its function and lane, with any prefix."""
    words = re.findall("[a-z0-9]+", dest.lower())
    known = next((word for word in words if word in BY_NAME), None)
    host = re.match(r"\w+://([^./:@]+)", dest)
    return known or (host[1][:_LONGEST_NAME] if host else NOBODY)


def _answer(data: str) -> str:
    """Return what the function answered: the detail of a problem, or the text as it is.

    It is cut off at 1 KiB, anywhere; one that is no Base64 is told as it stands.
    """
    try:
        raw = b64decode(data, validate=True)
    except ValueError:
        return data
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw.decode(errors="replace").strip()
    if not isinstance(said, dict) or "title" not in said:
        return raw.decode(errors="replace")
    return str(said.get("detail") or f"answered {said.get('status', '')} {said['title']}")


def _nothing_said(told: Mapping[str, str]) -> str:
    if not told:
        return "nobody says why it was given up"
    where = told.get(_DEST, "its function")
    return f"{where} answered {told[_CODE]}" if _CODE in told else f"{where} did not answer"
