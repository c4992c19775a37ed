"""Bare Starlette: reads the event's headers and its JSON, and does nothing."""

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def nothing(request: Request) -> Response:
    json.loads(await request.body())
    assert request.headers["ce-type"]
    assert request.headers["ce-id"]
    return Response(status_code=204)


app = Starlette(routes=[Route("/", nothing, methods=["POST"])])
