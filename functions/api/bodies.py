"""Bodies of requests in JSON: bounded, and read strictly."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from dataflux.errors import Invalid, Malformed, TooLarge, Unsupported
from functions.api.edge import BODY_LIMIT

DEEPEST = 64
TAG = "~"
"""What the tags of the members of a union begin with: they are no fields."""
JSON = ("", "application/json")
Asked = TypeVar("Asked", bound=BaseModel)


async def json_of(request: Request, *, optional: bool = False) -> Any:
    """Return the body of a request; a client that names no type is taken to send JSON.

    A body that is `optional` and absent says nothing: {}.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in JSON and not kind.endswith("+json"):
        raise Unsupported(f"a body of {kind[:80]} is not read here; send application/json")
    refuse_coding(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise TooLarge(f"the request has more than {BODY_LIMIT} bytes; send less")
    return {} if optional and not body else loads(bytes(body))


def refuse_coding(request: Request) -> None:
    """Raise Unsupported for a packed body: unpacked it could be of any size."""
    coding = request.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise Unsupported(f"the coding {coding[:80]!r} is not read here; send the plain bytes")


def loads(body: bytes | str, name: str = "body") -> Any:
    """Parse JSON, and refuse what only some parsers take, or no store does.

    No NaN or infinity, no name twice, no NUL, no half characters, not too deep.
    """
    try:
        parsed = json.loads(
            body, parse_constant=_constant, parse_float=_float, object_pairs_hook=_object
        )
        _check(parsed)
    except (ValueError, RecursionError) as error:
        told = str(error) if isinstance(error, _Refused) else "is no JSON"
        raise Malformed(f"the {name} cannot be read; mend its JSON", {name: told}) from error
    return parsed


class _Refused(ValueError):
    """JSON that parsers do not agree on."""


def _constant(name: str) -> Any:
    raise _Refused(f"has {name}, which is no JSON")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Refused("has a number that is too large")
    return number


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Refused("has the same name twice in one object")
    return made


def _check(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise _Refused(f"is more than {DEEPEST} levels deep")
    match value:
        case str():
            _check_text(value)
        case dict():
            for name, each in value.items():
                _check_text(name)
                _check(each, depth + 1)
        case list():
            for each in value:
                _check(each, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise _Refused("has a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Refused("has half a character (a lone surrogate)") from None


def parse(model: type[Asked], raw: Any) -> Asked:
    """Read a request; raise Invalid that names every bad field once."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        fields: dict[str, str] = {}
        for each in error.errors():
            fields.setdefault(_place(each["loc"]) or "body", each["msg"])
        raise Invalid("the request cannot be used; mend the named fields", fields) from None


def _place(loc: Sequence[int | str]) -> str:
    """Return where a mistake is, without the tags of the members of a union."""
    return ".".join(part for part in map(str, loc) if not part.startswith(TAG))
