"""A terminal of 80 x 24 with a program in it: keys go in, and the screen shows what a person would see."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pexpect
import pyte

COLUMNS, LINES = 80, 24
DOWN, UP, ENTER = "\x1b[B", "\x1b[A", "\r"


class Screen(pyte.Screen):
    """A screen that answers when the program asks where the cursor is."""

    answer: Callable[[str], object]

    def write_process_input(self, data: str) -> None:
        """Sends the answer to the program."""
        self.answer(data)


class Terminal:
    """Runs a program. Its screen is `screen`, and all that it has printed is `output`."""

    def __init__(self, command: Sequence[str | Path], cwd: Path, variables: Mapping[str, str] | None = None) -> None:
        program, *arguments = map(str, command)
        environment = {**os.environ, "TERM": "xterm-256color", **(variables or {})}
        self.process = pexpect.spawn(
            program, arguments, cwd=str(cwd), env=environment, encoding="utf-8", dimensions=(LINES, COLUMNS)
        )
        self.emulated = Screen(COLUMNS, LINES)
        self.emulated.answer = self.process.send
        self.output = ""
        self._stream = pyte.Stream(self.emulated)

    @property
    def screen(self) -> str:
        """What is visible now."""
        return "\n".join(line.rstrip() for line in self.emulated.display).rstrip()

    def until(self, *texts: str, within: float = 60) -> str:
        """Waits until the screen has these texts, and returns it."""
        deadline = time.monotonic() + within
        while not all(text in self.screen for text in texts):
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"{texts} did not appear:\n{self.screen}\n\nOutput:\n{self.output}")
        return self.screen

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other."""
        for key in keys:
            self.process.send(key)

    def end(self) -> int:
        """Waits for the program's end and returns its exit code, as a shell shows it."""
        while self._read():
            pass
        code = self.process.wait()
        return 128 + self.process.signalstatus if code is None else code

    def _read(self) -> bool:
        """Reads what there is, and returns whether the program may print more."""
        try:
            read = self.process.read_nonblocking(65536, timeout=0.5)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += read
        self._stream.feed(read)
        return True
