"""Take in one object: what it is, whether it is new, which version; plan its first run."""

from functions.hosts.http import serve

ingest = serve("ingest")
