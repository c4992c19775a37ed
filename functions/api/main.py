"""The API, search and the first page as one ASGI app: `uvicorn functions.api.main:app`."""

from functions.api.app import create_app
from functions.hosts.asgi import lazily

app = lazily(create_app)
