"""Search alone as an ASGI app: `uvicorn functions.search.main:app`."""

from functions.api import system
from functions.api.app import create_app
from functions.hosts.asgi import lazily
from functions.search.routes import router

app = lazily(create_app, routers=(router, system.router))
