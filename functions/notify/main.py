"""Take in what object stores tell of new objects; what is not understood is kept, not lost."""

from functions.hosts import framework, function

notify = framework.serve("notify")
app = function.serve("notify")
