"""Keep what a dispatcher of the cluster has given up where all dead letters are."""

from functions.hosts import framework, function

bury = framework.serve("bury")
app = function.serve("bury")
