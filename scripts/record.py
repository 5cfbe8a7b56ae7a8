"""Record `groundplan new` in a terminal of 80 x 24 as an animated SVG, for the README: python scripts/record.py

With --check, nothing is written, and the exit code is 1 if the image no longer shows what the command does.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.terminal import COLUMNS, ENTER, LINES, Terminal  # noqa: E402
from tests.tools import commit_all, copy_working_tree  # noqa: E402

IMAGE = ROOT / "docs" / "terminal.svg"
SECONDS = 4  # that each screen is shown
WIDTH, HEIGHT, MARGIN = 8.4, 18, 16  # of a character; around the text, in pixels
COLOURS = {"default": "#d8dee9", "green": "#a3be8c"}
BACKGROUND = "#242933"
KEYS = {  # what is waited for, and then pressed
    "[1 of 5] What kind of service is it?": ENTER,
    "[2 of 5] These follow": ENTER,
    "[3 of 5] Which framework": ENTER,
    "[4 of 5] What is the name": ENTER,
    "[5 of 5] Write the project": ENTER,
}


def screens() -> Iterator[list[str]]:
    """Yield the lines of each screen, as SVG."""
    with tempfile.TemporaryDirectory() as directory:
        template = Path(directory, "template")
        copy_working_tree(template)
        commit_all(template, "The template", init=True)
        command: list[str | Path] = [sys.executable, "-m", "groundplan", "new", "book-club", "--template", template]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # has uv
        terminal = Terminal(command, Path(directory), {"PYTHONPATH": str(ROOT), "PATH": path})
        for text, keys in KEYS.items():
            terminal.until(text, "Book Club" if "the name" in text else "» ")
            yield drawn(terminal)
            terminal.press(*keys)
        if terminal.end():
            raise SystemExit(terminal.output)
        yield drawn(terminal)


def drawn(terminal: Terminal) -> list[str]:
    """Return the lines of the screen as SVG."""
    lines = []
    for row in range(LINES):
        cells = [terminal.emulated.buffer[row][column] for column in range(COLUMNS)]
        column = 0
        for (colour, is_reverse), run in groupby(cells, lambda cell: (cell.fg, cell.reverse)):
            text = "".join(cell.data for cell in run)
            x, y = MARGIN + column * WIDTH, MARGIN + (row + 1) * HEIGHT
            column += len(text)
            length = len(text) * WIDTH
            fill = COLOURS.get(colour, f"#{colour}")
            if is_reverse:
                lines.append(
                    f'<rect x="{x:.1f}" y="{y - HEIGHT + 4}" width="{length:.1f}" height="{HEIGHT}" fill="{fill}"/>'
                )
                fill = BACKGROUND
            text = re.sub(r"(?<=Wrote )\d+|(?<=version )\w+", "…", text)  # what changes often
            for word in re.finditer(r"\S+( \S+)*", text):  # by column, because fonts differ in width
                lines.append(f'<text x="{x + word.start() * WIDTH:.1f}" y="{y}" fill="{fill}">{escape(word[0])}</text>')
    return lines


def image() -> str:
    """Return the recording. Where motion is not wanted, it shows the question about the framework."""
    frames = list(screens())
    width, height = COLUMNS * WIDTH + 2 * MARGIN, LINES * HEIGHT + 2 * MARGIN
    share = 100 / len(frames)
    groups = "\n".join(
        "\n".join([f'<g style="animation-delay:{number * SECONDS}s">', *lines, "</g>"])
        for number, lines in enumerate(frames)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">
<title>groundplan new, from the first question to the written project</title>
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }}
g {{ visibility: hidden; animation: shown {len(frames) * SECONDS}s infinite step-end; }}
@keyframes shown {{ 0% {{ visibility: visible; }} {share:.3f}% {{ visibility: hidden; }} }}
@media (prefers-reduced-motion) {{ g {{ animation: none; }} g:nth-of-type(3) {{ visibility: visible; }} }}
</style>
<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>
{groups}
</svg>
"""


def main() -> int:
    """Write the image, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    recorded = image()
    if not check:
        IMAGE.write_text(recorded, encoding="utf-8")
    elif IMAGE.read_text(encoding="utf-8") != recorded:
        print(f"{IMAGE.relative_to(ROOT)} is out of date: run python scripts/record.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
