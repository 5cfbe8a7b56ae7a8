"""Exit codes, and the exception that ends a command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes. They are part of the interface: never renumber them."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    NEITHER = 3
    CONFLICTS = 4
    BEHIND = 5


class Stop(Exception):  # noqa: N818 - `neither` is a result, not an error
    """End the command with a message for the user."""

    def __init__(self, message: str, code: int = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.code = code
