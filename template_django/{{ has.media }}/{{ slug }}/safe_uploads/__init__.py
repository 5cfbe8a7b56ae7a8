"""Uploaded files: where they are, and checks of their size and content. See docs/media.md."""
