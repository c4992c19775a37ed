"""Turn a window of segments into vectors: one object of them a piece and space."""

from functions.hosts.http import serve

embed = serve("embed")
