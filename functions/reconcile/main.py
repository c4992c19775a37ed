"""Mend what no message will: exhausted pieces, lost work, statistics, the shards of next year."""

from functions.hosts import framework, function

reconcile = framework.serve("reconcile")
app = function.serve("reconcile")
