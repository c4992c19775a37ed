"""Publish what a crash left in the outbox."""

from functions.hosts.http import serve

relay = serve("relay")
