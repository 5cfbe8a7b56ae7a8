"""A limit of the API for each caller: docs/api.md."""
