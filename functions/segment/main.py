"""Decode one piece once: put its artifacts, keep its segments for `stitch`."""

from functions.hosts import framework, function

segment = framework.serve("segment")
app = function.serve("segment")
