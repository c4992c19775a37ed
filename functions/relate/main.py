"""Relate what is new to what is there: similar moments, contents of collections, versions."""

from functions.hosts import framework, function

relate = framework.serve("relate")
app = function.serve("relate")
