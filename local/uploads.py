"""Uploads of the command line: file after file, then the wait until all can be found."""

import time
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn

from local.client import Client, Failed
from local.show import errors

Sent = dict[str, Any]

POLL_S = 0.25
ASKED_AT_ONCE = 20
UPLOAD_TIMEOUT = httpx.Timeout(60.0, read=None)
"""The answer to an upload comes when its bytes are kept, however many they are."""


def send(client: Client, files: list[Path], fields: dict[str, str]) -> list[Sent]:
    """Upload files; one that is refused says so and leaves the others."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        return [_send(client, file, fields, bar) for file in files]


def _send(client: Client, file: Path, fields: dict[str, str], bar: Progress) -> Sent:
    name = file.name.encode(errors="backslashreplace").decode()
    with bar.open(file, "rb", description=name) as stream:
        try:
            answer = client.post(
                "/assets", files={"file": (name, stream)}, data=fields, timeout=UPLOAD_TIMEOUT
            )
        except Failed as error:
            if error.status in (401, 403):  # the others would fare no better
                raise
            return {"filename": name, "status": "refused", "detail": str(error)}
    return {"filename": name, **answer}


def wait(client: Client, sent: list[Sent], timeout_s: float | None = None) -> list[Sent]:
    """Return what was sent with what became of it, once all is searchable or has failed."""
    found: dict[str, Any] = {}
    pending = list(dict.fromkeys(one["id"] for one in sent if "id" in one))
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("processing", total=len(pending))
        while pending:
            for asset in pending[:ASKED_AT_ONCE]:
                found[asset] = client.get(f"/assets/{asset}")
            pending = [asset for asset in pending if not found.get(asset, {}).get("done")]
            bar.update(task, completed=len(found) - len(pending))
            if deadline is not None and time.monotonic() > deadline:
                break
            if pending:
                time.sleep(POLL_S)
    return [{**found.get(one.get("id", ""), {}), **one} for one in sent]


def is_good(one: Sent, *, waited: bool) -> bool:
    """Return whether a file came in and, if it was waited for, can be found."""
    if one.get("status") in ("refused", "failed"):
        return False
    return not waited or bool(one.get("done"))
