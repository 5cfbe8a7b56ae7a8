"""How a command ends."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the caller of the command learns from it. Part of the interface: never renumber."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    NEITHER = 3
    CONFLICTS = 4
    BEHIND = 5


class Stop(Exception):  # noqa: N818 - `neither` is a result, not an error
    """Ends the command with a message for the user."""

    def __init__(self, message: str, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.code = code
