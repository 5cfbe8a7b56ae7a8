"""An example: the list of items follows changes. It is yours: docs/live.md."""
