"""Models behind the API: versions, batches and limits. See docs/models.md."""
