"""Style, script and icon, each under the hash of its content, so that caches may keep them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from dataflux.errors import NotFound

FOLDER = Path(__file__).parent / "static"
TYPES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
FOREVER = {"cache-control": "public, max-age=31536000, immutable"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Static:
    """One file and the path it is served at."""

    path: str
    mime_type: str
    body: bytes


def _load(name: str) -> Static:
    body = (FOLDER / name).read_bytes()
    version = hashlib.sha256(body).hexdigest()[:8]
    return Static(f"/static/{version}/{name}", TYPES[name], body)


STATICS = {name: _load(name) for name in TYPES}
_BY_PATH = {static.path: static for static in STATICS.values()}


def path(name: str) -> str:
    """Return where a page finds a file."""
    return STATICS[name].path


@router.get("/static/{version}/{name}")
def serve(version: str, name: str) -> Response:
    """Answer with a file; under an old hash there is none."""
    found = _BY_PATH.get(f"/static/{version}/{name}")
    if found is None:
        raise NotFound("no such static file; load the page anew")
    return Response(found.body, media_type=found.mime_type, headers=FOREVER)
