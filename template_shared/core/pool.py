"""What is known of a process's connections to the database."""

from typing import NamedTuple


class Pool(NamedTuple):
    """Their state at one moment."""

    idle: int
    used: int
    limit: int
    pending: int  # requests that wait for one
