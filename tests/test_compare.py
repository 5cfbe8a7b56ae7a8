"""scripts/compare.py: what a change of the template does to projects."""

import sys
from pathlib import Path

import pytest

from tests.matrix import model, title
from tests.tools import run

pytestmark = pytest.mark.slow


@pytest.mark.in_turn
def test_it_prints_each_difference_once_with_its_rows(template: Path, tmp_path: Path) -> None:
    clone = tmp_path / "template"
    run("git", "clone", "--quiet", template, clone)
    (clone / "template_fastapi" / ".env.test").unlink()
    (clone / "template_fastapi" / "{{ has.compose }}" / "deploy" / "compose" / "deploy.sh.jinja").chmod(0o644)
    manifest = clone / "template_shared" / "gitlab" / "renovate.json.jinja"
    manifest.write_text(manifest.read_text() + "// changed\n")
    command = (sys.executable, "scripts/compare.py", "--except", "deploy/compose/deploy.sh", "HEAD")

    fastapi = [name for name in map(title, model().rows()) if name.startswith("fastapi-")]
    licence = next(name.split("-")[1] for name in fastapi if name.endswith("-gitlab"))
    every = [name for name in fastapi if name.startswith(f"fastapi-{licence}-")]
    affected = [name for name in every if name.endswith("-gitlab")]
    assert len(affected) < len(every)
    printed = run(*command, "--rows", f"fastapi-{licence}-*", cwd=clone, code=1)
    assert f".env.test: all of {len(every)} rows\n--- old/.env.test\n+++ /dev/null\n" in printed
    assert printed.count("+// changed\n") == 1
    rows = printed.partition(f"renovate.json: {len(affected)} of {len(every)} rows\n")[2].splitlines()[: len(affected)]
    assert rows == [f"  {name}" for name in affected]
    assert printed.endswith(f"2 files differ in {len(every)} rows.\n")
    accepted = ("--except", "renovate.*", "--except", ".env*")
    assert run(*command, *accepted, "--rows", rows[0].strip(), cwd=clone) == "0 files differ in 1 rows.\n"
    named = run(*command, "--stat", "--rows", rows[0].strip(), cwd=clone, code=1)
    assert named == ".env.test: all of 1 rows\nrenovate.json: all of 1 rows\n2 files differ in 1 rows.\n"


def test_a_commit_that_does_not_exist_is_refused(template: Path) -> None:
    printed = run(sys.executable, "scripts/compare.py", "nothing", cwd=template, code=1)
    assert printed == "There is no commit nothing in this repository.\n"


def test_rows_that_do_not_exist_are_refused(template: Path) -> None:
    printed = run(sys.executable, "scripts/compare.py", "--rows", "flask-*", "HEAD", cwd=template, code=1)
    assert printed == "No row has a name like flask-*: see python -m tests.matrix\n"
