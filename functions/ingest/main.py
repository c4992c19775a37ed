"""Take in one object: what it is, whether it is new, which version; plan its first run."""

from functions.hosts import framework, function

ingest = framework.serve("ingest")
app = function.serve("ingest")
