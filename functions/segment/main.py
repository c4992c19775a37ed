"""Decode one piece once: put its artifacts, keep its segments for `stitch`."""

from functions.hosts.http import serve

segment = serve("segment")
