"""Bytes out: originals and derived objects, with ranges, so that no content runs in our origin."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from functions.api.problems import problem
from stores.ports import ObjectReader

RenditionKind = Annotated[str, Path(max_length=50, pattern=r"^[a-z][a-z0-9_.-]*$")]
Sheet = Annotated[int, Query(ge=0, le=100_000)]

Opened = Callable[[], ObjectReader]

CHUNK = 1 << 20
INLINE = ("image/", "video/", "audio/", "text/plain", "text/vtt", "application/pdf")
NEVER_INLINE = ("image/svg",)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send(
    request: Request, opened: Opened, mime_type: str, sha256: str, filename: str | None = None
) -> Response:
    """Answer with an object or the range of it that is asked for (RFC 9110, one range)."""
    headers = {
        "accept-ranges": "bytes",
        "etag": f'"{sha256}"',
        "cache-control": "private, max-age=3600",
        "content-disposition": _disposition(mime_type, filename),
        "content-security-policy": "sandbox; default-src 'none'",
        "content-type": _safe_type(mime_type),
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    reader = opened()
    wanted = _range(_asked(request, headers["etag"]), reader.size)
    if wanted is None:
        reader.close()
        outside = {"content-range": f"bytes */{reader.size}"}
        return problem(416, "the range lies outside the object; ask for less", headers=outside)
    start, end = wanted
    whole = (start, end) == (0, reader.size)
    if not whole:
        headers["content-range"] = f"bytes {start}-{end - 1}/{reader.size}"
    headers["content-length"] = str(end - start)
    if request.method == "HEAD":
        start = end
    return _Sending(reader, start, end, 200 if whole else 206, headers)


class _Sending(StreamingResponse):
    """Sends a range, and closes its reader even if the asker is gone before the first byte."""

    def __init__(
        self, reader: ObjectReader, start: int, end: int, status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(_chunks(reader, start, end), status, headers=headers)
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reader.close()


def _chunks(reader: ObjectReader, start: int, end: int) -> Iterator[bytes]:
    while start < end and (chunk := reader.read(start, min(CHUNK, end - start))):
        yield chunk
        start += len(chunk)


def _asked(request: Request, etag: str) -> str | None:
    """Return the Range header, unless it is meant for what the object was before."""
    return request.headers.get("range") if request.headers.get("if-range", etag) == etag else None


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return [start, end) of a Range header, all if it is none we know, None if it is outside."""
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) else None
    if last and int(last) < int(first):
        return 0, size
    start = int(first)
    end = min(size, int(last) + 1) if last else size
    return (start, end) if start < end else None


def _inline(mime_type: str) -> bool:
    return mime_type.startswith(INLINE) and not mime_type.startswith(NEVER_INLINE)


def _safe_type(mime_type: str) -> str:
    return mime_type if _inline(mime_type) else "application/octet-stream"


def _disposition(mime_type: str, filename: str | None) -> str:
    kind = "inline" if _inline(mime_type) else "attachment"
    return kind if filename is None else f"{kind}; filename*=UTF-8''{quote(filename, safe='')}"
