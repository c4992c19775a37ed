"""Find features and text in a window of segments, from their derived objects only."""

from functions.hosts.http import serve

analyze = serve("analyze")
