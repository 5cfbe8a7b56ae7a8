"""Messages to connections that stay open: docs/live.md."""
