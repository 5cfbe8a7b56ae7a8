"""scripts/compare.py: what a change of the template does to projects."""

import sys
from pathlib import Path

import pytest

from tests.tools import run

pytestmark = pytest.mark.slow


def test_it_prints_each_difference_once_with_its_rows(template: Path, tmp_path: Path) -> None:
    clone = tmp_path / "template"
    run("git", "clone", "--quiet", template, clone)
    (clone / "template_fastapi" / ".env.test").unlink()
    (clone / "template_fastapi" / "{{ has.compose }}" / "deploy" / "compose" / "deploy.sh.jinja").chmod(0o644)
    manifest = clone / "template_shared" / "gitlab" / "renovate.json"
    manifest.write_text(manifest.read_text() + "// changed\n")
    command = (sys.executable, "scripts/compare.py", "--except", "deploy/compose/deploy.sh", "HEAD")

    printed = run(*command, "--rows", "fastapi-*", cwd=clone, code=1)
    assert ".env.test: all of 5 rows\n--- old/.env.test\n+++ /dev/null\n" in printed
    assert printed.count("+// changed\n") == 1
    rows = printed.partition("renovate.json: 2 of 5 rows\n")[2].splitlines()[:2]
    assert all(row.startswith("  fastapi-") and row.endswith("-gitlab") for row in rows)
    assert printed.endswith("2 files differ in 5 rows.\n")
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
