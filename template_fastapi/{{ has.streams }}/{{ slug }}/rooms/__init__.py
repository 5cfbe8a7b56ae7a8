"""An example: rooms with messages, and who is present. It is yours: docs/live.md."""
