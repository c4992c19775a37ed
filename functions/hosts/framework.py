"""Host a function as a target of functions-framework: `functions-framework --target NAME`."""

import atexit
import io
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from events.http import LIMIT
from functions.hosts.adapters import Adapters
from functions.hosts.http import NO_METHOD, TOO_MUCH, Answer, answer
from functions.targets import BY_NAME

if TYPE_CHECKING:
    import flask

Function = Callable[["flask.Request"], "flask.Response"]


@cache
def adapters() -> Adapters:
    """Return the adapters of this process; they are closed when it ends."""
    made = Adapters()
    atexit.register(made.close)
    return made


def serve(name: str) -> Function:
    """Return the target of one event function.

    An HTTP target (functions-framework's default), not a cloud_event one: that one answers "OK"
    with a body, ignores what the function returns and shows the text of exceptions.
    """
    target = BY_NAME[name]

    def function(request: "flask.Request") -> "flask.Response":
        if request.method != "POST":
            return _response(NO_METHOD)
        body = _body(request)
        if body is None:
            return _response(TOO_MUCH)
        return _response(answer(target, adapters(), dict(request.headers), body))

    function.__name__ = function.__qualname__ = name
    return function


def _body(request: "flask.Request") -> bytes | None:
    """Return the body; None if it is longer than is read."""
    body, stream = b"", request.stream
    while len(body) <= LIMIT and (chunk := stream.read(LIMIT + 1 - len(body))):
        body += chunk
    request.stream = io.BytesIO()  # else functions-framework reads the rest, whatever its length
    return body if len(body) <= LIMIT else None


def _response(said: Answer) -> "flask.Response":
    import flask

    return flask.Response(said.body, said.status, headers=dict(said.headers))
