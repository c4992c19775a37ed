"""Clients of the API, and what they check of every answer."""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from functions.api.app import create_app
from stores.records import people
from tests.fixtures.platform import Platform

NOTES = b"# Notes\n\nThe lighthouse keeper counts gulls.\n\nOtters sleep in kelp.\n"
SHAPE = {"type", "title", "status", "detail", "mend", "errors", "trace_id"}


def client(platform: Platform, token: str | None) -> TestClient:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return TestClient(create_app(platform.deps), headers=headers, raise_server_exceptions=False)


def stranger(platform: Platform, *roles: str) -> str:
    """Return the token of another user of the same tenant."""
    token, user = people.new_token(platform.deps.ids.randomness), platform.deps.ids.token()
    with platform.deps.engine.session(platform.caller.tenant, "admin") as conn:
        people.create_user(conn, user, str(user), list(roles))
        people.add_key(conn, people.NewKey(platform.deps.ids.token(), user, token))
    return token


def upload(http: TestClient, name: str = "notes.md", data: bytes = NOTES) -> dict[str, Any]:
    answer = http.post("/api/v1/assets", files={"file": (name, data)})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def check_problem(answer: Any, status: int) -> dict[str, Any]:
    """Check that an answer is an error in the one shape; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body: dict[str, Any] = answer.json()
    assert set(body) == SHAPE
    assert body["status"] == status
    assert len(body["trace_id"]) == 32
    return body


class Wire:
    """A request in pieces, as it comes over a bad line; counts what is taken of it."""

    def __init__(self, chunks: Iterable[bytes], *, hangs_up: bool = False) -> None:
        self._chunks, self._hangs_up = iter(chunks), hangs_up
        self.taken = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        chunk = next(self._chunks, None)
        if chunk is None and self._hangs_up:
            return {"type": "http.disconnect"}
        self.taken += len(chunk or b"")
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    async def ask(
        self, app: ASGIApp, method: str, path: str, headers: Sequence[tuple[str, str]] = ()
    ) -> "Wire":
        """Send the request to an app, without a client that would tidy it up."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers],
            "http_version": "1.1",
            "scheme": "http",
            "server": ("testserver", 80),
            "client": ("testclient", 1),
            "root_path": "",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
        }
        await app(scope, self.receive, self.send)
        return self
