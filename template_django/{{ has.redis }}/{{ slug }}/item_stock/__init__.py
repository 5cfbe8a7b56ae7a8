"""Figures about all items, which are cached."""
