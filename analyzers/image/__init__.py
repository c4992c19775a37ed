"""Images: what is decoded from them and how they look."""
