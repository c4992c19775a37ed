"""Mend what no message will: exhausted pieces, lost work, statistics, the shards of next year."""

from functions.hosts.http import serve

reconcile = serve("reconcile")
