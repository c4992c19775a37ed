"""The only writer of the vector index: from committed embeddings to searchable vectors."""

from functions.hosts import framework, function

project = framework.serve("project")
app = function.serve("project")
