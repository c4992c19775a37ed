"""Host a function over HTTP, as functions-framework serves it: one status for each kind of end."""

import atexit
import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import flask
import functions_framework

from dataflux.errors import Invalid, TooLarge
from dataflux.settings import Settings
from events.http import from_http
from functions.deps import Deps, build
from functions.disposition import Disposition
from functions.targets import BY_NAME

STATUS = {
    Disposition.DONE: 200,
    Disposition.RETRY: 503,
    Disposition.INVALID: 422,
    Disposition.FAILED: 500,
}
"""Never 404, 408 or 409: Knative would retry them."""

Function = Callable[[flask.Request], flask.typing.ResponseReturnValue]


@cache
def _deps() -> Deps:
    """Build the adapters with the first event; they are closed when the process ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(build(Settings.from_env()))


def serve(name: str) -> Function:
    """Return the functions-framework target of one event function.

    An HTTP target, not a cloud_event one: that one answers "OK" with a body, ignores what the
    function returns and puts the text of an exception into its answer.
    """
    target = BY_NAME[name]

    def function(request: flask.Request) -> flask.typing.ResponseReturnValue:
        if request.method != "POST":
            return "", 405
        try:
            events = from_http(dict(request.headers), request.get_data())
        except (Invalid, TooLarge) as error:
            return _problem(str(error), 400)
        if not events:
            return "", 200
        disposition = target.run(_deps(), events)
        if disposition == Disposition.DONE:
            return "", 200
        told = disposition.detail if disposition == Disposition.INVALID else str(disposition)
        return _problem(told, STATUS[disposition])

    function.__name__ = function.__qualname__ = name
    framework: Any = functions_framework
    registered: Function = framework.http(function)
    return registered


def _problem(title: str, status: int) -> flask.typing.ResponseReturnValue:
    """Answer briefly and without internals: the body may end up in a dead letter."""
    body = {"title": title[:500], "status": status}
    return flask.jsonify(body), status, {"content-type": "application/problem+json"}
