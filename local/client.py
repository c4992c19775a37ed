"""The command line's way to a running installation: its public HTTP API, nothing else."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from dataflux.settings import Settings

TIMEOUT_S = 60.0
AS_USER: ContextVar[str | None] = ContextVar("as_user", default=None)
"""The user as whom an admin wants to be answered."""


class NotRunning(Exception):
    """Nothing answers where an installation should."""


@dataclass
class Failed(Exception):
    """The server's answer to what it cannot do."""

    status: int
    detail: str
    mend: str
    fields: list[dict[str, str]]

    def __str__(self) -> str:
        listed = "".join(f"\n  {f['field']}: {f['problem']}" for f in self.fields)
        return self.detail + (f"; {self.mend}" if self.mend else "") + listed


class Client:
    """Requests to /api/v1 with the caller's token."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @property
    def url(self) -> str:
        return str(self._http.base_url).rstrip("/")

    @property
    def headers(self) -> dict[str, str]:
        """What says who asks."""
        return {n: v for n, v in self._http.headers.items() if n == "authorization"}

    def get(self, path: str, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        return self._send("GET", path, params=given)

    def post(self, path: str, **content: Any) -> Any:
        return self._send("POST", path, **content)

    def put(self, path: str) -> None:
        self._send("PUT", path)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def download(self, path: str, out: BinaryIO) -> None:
        """Write what is there to a file, as it comes."""
        with self._http.stream("GET", f"/api/v1{path}") as response:
            if not response.is_success:
                response.read()
                raise _failure(response)
            for chunk in response.iter_bytes():
                out.write(chunk)

    def _send(self, method: str, path: str, **content: Any) -> Any:
        try:
            response = self._http.request(method, f"/api/v1{path}", **content)
        except httpx.TransportError as error:
            raise NotRunning(
                f"nothing answers at {self.url} ({error}); run `dataflux up`"
            ) from None
        if response.is_success:
            return response.json() if response.content else None
        raise _failure(response)


def _failure(response: httpx.Response) -> Failed:
    try:
        body = response.json()
    except ValueError:
        body = {"detail": f"the server answered {response.status_code}"}
    return Failed(
        response.status_code,
        body.get("detail", ""),
        body.get("mend", ""),
        body.get("errors", []),
    )


@dataclass(frozen=True)
class Address:
    """Where an installation answers, and the token it wants."""

    url: str
    token: str


def find(home: Path | None = None) -> Address:
    """Return where the emulator of a home answers.

    Without a home DATAFLUX_URL and DATAFLUX_TOKEN say it, else the usual home.
    """
    url, token = os.environ.get("DATAFLUX_URL"), os.environ.get("DATAFLUX_TOKEN", "")
    if url and home is None:
        return Address(url, token)
    place = Settings.from_env(home=home).home
    try:
        running = json.loads((place / "run.json").read_text())
        return Address(running["url"], (place / "token").read_text().strip())
    except PermissionError as error:
        raise NotRunning(
            f"you may not read {error.filename}; run as its owner, or set DATAFLUX_URL and"
            " DATAFLUX_TOKEN"
        ) from None
    except (OSError, ValueError, KeyError):
        raise NotRunning(f"no emulator runs in {place}; run `dataflux up`") from None


@contextmanager
def connected(home: Path | None = None) -> Iterator[Client]:
    address = find(home)
    headers = {"authorization": f"Bearer {address.token}"} if address.token else {}
    if name := AS_USER.get():
        headers["x-dataflux-as"] = quote(name)
    with httpx.Client(base_url=address.url, headers=headers, timeout=TIMEOUT_S) as http:
        yield Client(http)
