"""Publish what a crash left in the outbox."""

from functions.hosts import framework, function

relay = framework.serve("relay")
app = function.serve("relay")
