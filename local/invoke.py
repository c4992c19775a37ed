"""`dataflux invoke`: build a valid event, deliver it to a function, show what came of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape

from dataflux.clock import Clock, IdFactory
from dataflux.errors import Invalid
from events import codec
from events.event import PREFIX, Event
from events.http import to_binary
from events.types import TYPES, validate
from local import happenings
from local.client import Client, NotRunning
from local.events_commands import Once, known, line, where
from local.options import Home, Json, output
from local.show import console

SOURCE = "/dataflux/invoke"
OUTCOMES = {200: "done", 422: "invalid", 503: "retry", 500: "failed"}
FAILED = 1
TIMEOUT_S = 600.0
"""As long as Knative waits for a function."""


def invoke(
    function: Annotated[str, typer.Argument(help="Such as ingest.")],
    file: Annotated[
        Path | None, typer.Option(help="With the real event that this file leads to.")
    ] = None,
    type: Annotated[
        str | None, typer.Option(help="The event's type; the function's first.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="The event's source.")] = None,
    id: Annotated[str | None, typer.Option(help="The event's id; a new one.")] = None,
    data: Annotated[
        str | None, typer.Option(help="JSON or @file; over that of --file it is laid.")
    ] = None,
    ext: Annotated[list[str] | None, typer.Option(help="An extension, as name=value.")] = None,
    url: Annotated[
        str | None, typer.Option(help="A function that runs elsewhere, over HTTP.")
    ] = None,
    once: Once = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Deliver one event to one function and show how it ended and which events it sent.

    Examples: dataflux invoke ingest --file cat.jpg --once
    ·   dataflux invoke project --file cat.jpg --data '{"row": 0}'
    """
    name = known(type) if type else _first_type(function)
    given = _Given(name, source, id, _data(data), dict(map(_pair, ext or ())))
    event = given.event(None) if file is None else None  # refused before anything is started
    if url is not None and event is not None:
        found = _deliver(url, {}, event)
    else:
        with where(home, once=once) as client:
            real = None if file is None else _real(client, file, name)
            found = _there(client, url or _place(client, function), event or given.event(real))
    output({"function": function, **found}, as_json, _print)
    if found["outcome"] != "done":
        raise typer.Exit(FAILED)


class _Given:
    """What the user says of the event."""

    def __init__(
        self,
        name: str,
        source: str | None,
        id: str | None,
        data: dict[str, Any] | None,
        extensions: dict[str, str],
    ) -> None:
        self.name, self._source, self._id = name, source, id
        self._data, self._extensions = data, extensions

    def event(self, real: Event | None) -> Event:
        """Return a valid event: the given over the real one; exit with 2 if that is none."""
        ids = IdFactory(Clock())
        try:
            base = real or Event(str(ids.token()), PREFIX + self.name, SOURCE, Clock().now())
            again = {} if real is None else {"replayof": real.id}
            event = replace(
                base,
                id=self._id or str(ids.token()),
                source=self._source or base.source,
                time=Clock().now(),
                data={**base.data, **(self._data or {})},
                extensions={**base.extensions, **again, **self._extensions},
            )
            validate(event)
        except Invalid as error:
            raise typer.BadParameter(_told(error, self.name)) from None
        return event


def _told(error: Invalid, name: str) -> str:
    wanted = ", ".join(TYPES[name].model_fields)
    return f"{error}; data of {name} has: {wanted} (see `dataflux events example {name}`)"


def _first_type(function: str) -> str:
    """Return the type that a function takes first; exit with 2 if there is no such function."""
    from functions.targets import BY_NAME  # the database's driver: only who invokes waits for it

    if function not in BY_NAME:
        raise typer.BadParameter(f"no function {function!r}; known: {', '.join(BY_NAME)}")
    topic = next(iter(BY_NAME[function].topics), "dataflux.timer.tick").removeprefix("dataflux.")
    return topic if topic in TYPES else topic.rpartition(".")[0]


def _data(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--data is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter('--data is no JSON object; use {"name": value}')
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"--ext {text} has no value; use name=value")
    return name, value


def _place(client: Client, function: str) -> str:
    return f"{client.url}/functions/{function}"


def _there(client: Client, url: str, event: Event) -> dict[str, Any]:
    """Deliver, and say what was sent because of it, or because of the event that it repeats.

    Who had that one has done what was to be done; then the repetition changes nothing.
    """
    headers = client.headers if url.startswith(f"{client.url}/") else {}
    found = _deliver(url, headers, event)
    sent = happenings.kept(client, cause=event.id, work=True)
    first = event.extensions.get("replayof")
    before = happenings.kept(client, cause=first, work=True) if first and not sent else []
    return {
        **found,
        "emitted": [item["event"] for item in sent],
        "emitted_before": [item["event"] for item in before],
    }


def _real(client: Client, file: Path, name: str) -> Event:
    if not file.is_file():
        raise typer.BadParameter(f"no file {file}; name one that exists")
    item = happenings.led_to(client, happenings.upload(client, file), name)
    return codec.from_dict(item["event"])


def _deliver(url: str, more: dict[str, str], event: Event) -> dict[str, Any]:
    """POST the event as `func invoke` does: binary, each attribute a header."""
    headers, body = to_binary(event)
    try:
        answer = httpx.post(url, content=body, headers={**headers, **more}, timeout=TIMEOUT_S)
    except httpx.TransportError as error:
        raise NotRunning(f"no function answers at {url} ({error}); start it first") from None
    return {
        "event": codec.to_dict(event),
        "status": answer.status_code,
        "outcome": OUTCOMES.get(answer.status_code, "refused"),
        "detail": _detail(answer),
    }


def _detail(answer: httpx.Response) -> str:
    if answer.is_success:
        return ""
    try:
        body = answer.json()
        told = "; ".join(filter(None, (body.get("detail") or body.get("title"), body.get("mend"))))
        listed = "".join(f"\n  {e['field']}: {e['problem']}" for e in body.get("errors", []))
        return told + listed
    except (ValueError, AttributeError):
        return answer.text[:500]


def _print(found: dict[str, Any]) -> None:
    console.print(escape(f"{found['function']} <- {line(found['event'])}"))
    why = f": {found['detail']}" if found["detail"] else ""
    console.print(f"{found['outcome']} ({found['status']}){escape(why)}")
    for event in found.get("emitted", ()):
        console.print(escape(f"-> {line(event)}"))
    for event in found.get("emitted_before", ()):
        console.print(escape(f"-> {line(event)}  (when it came first)"))
