"""Relate what is new to what is there: similar moments, contents of collections, versions."""

from functions.hosts.http import serve

relate = serve("relate")
