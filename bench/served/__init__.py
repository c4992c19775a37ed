"""What bench/host.py serves: a function that does nothing, in three ways."""
