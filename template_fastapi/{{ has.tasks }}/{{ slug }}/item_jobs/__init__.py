"""Imports and reports of items: docs/jobs.md."""
