"""Vectors that need no model: the labelled fallbacks."""
