"""Draw docs/terminal.svg, the picture of a terminal session in the README. Needs tmux.

    uv run python scripts/picture.py

It runs `groundplan new` in a terminal of 80 x 24 and draws three of its screens.
"""

import html
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "docs" / "terminal.svg"
TMUX = ("tmux", "-L", "groundplan-picture")
WIDTH, HEIGHT, MARGIN = 8.4, 18, 16  # of a character and around the text, in pixels
STYLES = {"0": "", "39": "", "38;5;67": ' fill="#7aa6da"', "38;5;214": ' fill="#ffaf5f"'}  # by ANSI code


def main() -> None:
    """Run the session and write the picture."""
    with tempfile.TemporaryDirectory() as directory:
        tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", directory, "bash --norc")
        try:
            tmux("send-keys", f"PS1='$ ' PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; clear", "Enter")
            tmux("send-keys", "groundplan new my-service", "Enter")
            screen("kind of service")
            tmux("send-keys", "Down", "Down")  # from a web application to a REST API
            question = screen("» A REST API")
            decision = answer("Which framework")
            result = [line.replace(directory, "/home/ada") for line in answer("uv run poe run", "production")]
        finally:
            tmux("kill-server")
    written = next(number for number, line in enumerate(result) if "Written to" in line)
    PICTURE.write_text(draw([question, decision, [line for line in result[written:] if not line.startswith("$")]]))


def answer(*expected: str) -> list[str]:
    """Accept defaults until a screen contains the expected texts."""
    for _ in range(60):
        shown = screen()
        while shown != (later := wait_and_look()):
            shown = later
        if all(text in "\n".join(shown) for text in expected):
            return shown
        tmux("send-keys", "Enter")
    raise SystemExit(f"The session did not reach {expected}.")


def wait_and_look() -> list[str]:
    """Return the screen after the time that the next question may take."""
    time.sleep(3)
    return screen()


def screen(expected: str = "") -> list[str]:
    """Return the lines of the screen, with colours, when it contains the expected text."""
    for _ in range(120):
        lines = tmux("capture-pane", "-e", "-p").rstrip("\n").splitlines()
        if expected in "\n".join(lines):
            return lines
        time.sleep(0.5)
    raise SystemExit(f"The screen does not show {expected!r}.")


def tmux(*arguments: str) -> str:
    """Run a command of tmux."""
    return subprocess.run([*TMUX, *arguments], check=True, capture_output=True, text=True).stdout


def draw(screens: list[list[str]]) -> str:
    """Return the screens as SVG, one below the other."""
    lines = [line for number, each in enumerate(screens) for line in ([] if number == 0 else ["", "⋮", ""]) + each]
    texts, style = [], ""
    for number, line in enumerate(lines):
        y, column = MARGIN + HEIGHT * (number + 1), 0
        for text, codes in re.findall(r"([^\x1b]*)(?:\x1b\[([\d;]*)m)?", line):
            for part in re.finditer(r"\S+( \S+)*", text):  # by column, because fonts differ in width
                x = MARGIN + (column + part.start()) * WIDTH
                texts.append(f'<text x="{x:g}" y="{y}"{style}>{html.escape(part[0])}</text>')
            column += len(text) + text.count("🎤")  # two columns wide
            style = STYLES.get(codes, style)  # lasts until the next code, in later lines too
    width, height = 80 * WIDTH + 2 * MARGIN, HEIGHT * (len(lines) + 1) + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height}" viewBox="0 0 {width:g} {height}" '
        'role="img" aria-label="A terminal session: a question, the scoreboard and the next steps" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#d8d8d8">\n'
        '<rect width="100%" height="100%" rx="8" fill="#1e1e1e"/>\n' + "\n".join(texts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    main()
