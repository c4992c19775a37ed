"""Turn a window of segments into vectors: one object of them a piece and space."""

from functions.hosts import framework, function

embed = framework.serve("embed")
app = function.serve("embed")
