"""WebSockets that tell pages when to reload a part: docs/live.md."""
