"""The address of Redis."""
