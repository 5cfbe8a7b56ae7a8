"""Imports and reports of items, as jobs."""
