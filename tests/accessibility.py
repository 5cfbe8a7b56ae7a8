"""What axe finds on a page: https://github.com/dequelabs/axe-core."""

import sys
from functools import cache
from pathlib import Path

from playwright.sync_api import Page

from tests.tools import made_once, run, shared

NPM = Path(sys.executable).with_name("npm")
PACKAGE = "axe-core@4.14.1"
RUN = """async excluded => {
    await Promise.allSettled(document.getAnimations().map(({finished}) => finished))  // of colours, for example
    const rules = Object.fromEntries(excluded.map(rule => [rule, {enabled: false}]))
    const {violations} = await axe.run({rules, resultTypes: ["violations"]})
    return violations.flatMap(({id, impact, help, nodes}) => nodes.map(({html, any}) =>
        `${impact} ${id}: ${help}\n  ${html}\n  ${any.map(check => check.message).join("; ")}`))
}"""


@cache
def axe() -> str:
    """The text of axe's script."""

    def install(directory: Path) -> None:
        directory.mkdir()
        command = ("install", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE)
        run(NPM, *command, f"--prefix={directory}", cwd=directory)

    package = made_once(shared() / "axe" / "package", install)
    return (package / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def problems(page: Page, *excluded: str) -> list[str]:
    """Each problem of the open page, of any impact, except those of the excluded rules."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())  # which the page's Content-Security-Policy does not concern
    return list(page.evaluate(RUN, list(excluded)))
