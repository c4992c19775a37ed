"""How well search ranks: graded queries over documents, pictures and a public collection."""
