"""Find features and text in a window of segments, from their derived objects only."""

from functions.hosts import framework, function

analyze = framework.serve("analyze")
app = function.serve("analyze")
