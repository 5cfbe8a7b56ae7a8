"""Measures what the template's code costs: see run.py and breakdown.py, which are commands."""

import sys


class FailedError(Exception):
    """A measurement that would mean nothing."""


def say(text: str) -> None:
    """Tells how far it is."""
    print(text, file=sys.stderr, flush=True)
