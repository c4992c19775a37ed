"""The only writer of the vector index: from committed embeddings to searchable vectors."""

from functions.hosts.http import serve

project = serve("project")
