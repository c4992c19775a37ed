"""The model store: which models there are, and which of them lie on this machine."""
