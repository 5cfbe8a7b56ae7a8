"""A project can be updated, by the command and by Copier alone, for each way to install the command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.tools import ROOT, commit_all, run, tree

pytestmark = pytest.mark.slow
UV = Path(sys.executable).with_name("uv")
EDITED = "template_shared/editorconfig"


def install(environment: Path, *what: str | Path) -> Path:
    """Install the command into a new virtual environment and return its path."""
    if not environment.exists():
        run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    run(
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        environment / "bin" / "python",
        "--reinstall-package",
        "groundplan",
        *what,
    )
    return environment / "bin" / "groundplan"


def wheel(clone: Path, directory: Path) -> Path:
    """The wheel that `uv build` makes from a clone, by way of a source distribution, as for a package index."""
    shutil.rmtree(directory, ignore_errors=True)
    run(UV, "build", "--quiet", "--out-dir", directory, clone)
    return next(directory.glob("*.whl"))


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    run("git", "clone", "--quiet", template, tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("kind", ["editable", "directory", "url", "wheel"])
def test_new_then_update(clone: Path, tmp_path: Path, kind: str) -> None:
    def installed() -> Path:
        what = {
            "editable": ("--editable", clone),
            "directory": (clone,),
            "url": (f"groundplan @ git+{clone.as_uri()}",),
            "wheel": (wheel(clone, tmp_path / "dist") if kind == "wheel" else "",),
        }
        return install(tmp_path / "environment", *what[kind])

    project = tmp_path / "service"
    command = installed()
    run(command, "new", project, "--preset", "cms", "--defaults")
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert answers["_src_path"].startswith(
        {"url": "git+file://", "wheel": str(tmp_path / "environment")}.get(kind, str(clone))
    )
    commit_all(project, "Start", init=True)
    assert "up to date" in run(command, "check", project)

    (clone / EDITED).write_text((clone / EDITED).read_text() + "# improved\n")
    newest = commit_all(clone, "Improve the template")
    if kind == "wheel":  # the wheel contains the template
        command = installed()
    assert newest[:7] in run(command, "check", project, code=5)
    before = tree(project)
    printed = run(command, "update", project)
    assert ".editorconfig" in printed
    after = tree(project)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {".editorconfig", ".copier-answers.yml"}
    commit_all(project, "Update")
    assert "up to date" in run(command, "check", project)


@pytest.mark.parametrize("kind", ["clone", "wheel"])
def test_copier_alone_updates_what_the_command_made(clone: Path, tmp_path: Path, kind: str) -> None:
    project = tmp_path / "service"
    what = [wheel(clone, tmp_path / "dist")] if kind == "wheel" else ["--editable", clone]
    run(install(tmp_path / "environment", *what), "new", project, "--preset", "realtime", "--defaults")
    commit_all(project, "Start", init=True)
    (clone / EDITED).write_text((clone / EDITED).read_text() + "# improved\n")
    commit_all(clone, "Improve the template")
    if kind == "wheel":
        install(tmp_path / "environment", wheel(clone, tmp_path / "dist"))
    run(Path(sys.executable).with_name("copier"), "update", "--defaults", project)
    assert (project / ".editorconfig").read_text().endswith("# improved\n")


def test_another_installation_of_the_wheel_updates_the_project(clone: Path, tmp_path: Path) -> None:
    """Another installation (a colleague's, or for a newer Python), where the recorded path does not exist."""
    project = tmp_path / "service"
    first = install(tmp_path / "first", wheel(clone, tmp_path / "dist"))
    run(first, "new", project, "--preset", "realtime", "--defaults")
    commit_all(project, "Start", init=True)
    shutil.rmtree(tmp_path / "first")
    (clone / EDITED).write_text((clone / EDITED).read_text() + "# improved\n")
    commit_all(clone, "Improve the template")
    second = install(tmp_path / "second", wheel(clone, tmp_path / "dist"))
    run(second, "check", project, code=5)
    run(second, "update", project)
    assert (project / ".editorconfig").read_text().endswith("# improved\n")
    assert str(tmp_path / "second") in (project / ".copier-answers.yml").read_text()


def test_a_wheel_needs_the_history(clone: Path, tmp_path: Path) -> None:
    shutil.rmtree(clone / ".git")
    assert "git clone" in run(UV, "build", "--wheel", "--out-dir", tmp_path / "dist", clone, code=2)


def test_quickstart_without_a_terminal(clone: Path, tmp_path: Path) -> None:
    """The README's first command in a fresh clone, with an empty home and only the system's PATH."""
    home = tmp_path / "home"
    home.mkdir()
    keep = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "UV_", "LANG", "PYENV"))}
    environment = keep | {"HOME": str(home), "PATH": "/usr/bin:/bin", "UV_CACHE_DIR": run(UV, "cache", "dir").strip()}
    result = subprocess.run(
        [sys.executable, "quickstart.py"],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert '201 {"id":1,"name":"Example ' in result.stdout.replace('": ', '":').replace(', "', ',"')
    assert "\n  204 " in result.stdout  # the example does not stay
    assert f"It works: a FastAPI project in {tmp_path / 'my-service'}, committed" in result.stdout
    assert f"use {clone / '.venv' / 'bin' / 'uv'}." in result.stdout
    project = tmp_path / "my-service"
    assert result.stdout.splitlines()[-1] == f"cd {project} && .venv/bin/poe run"
    shutil.rmtree(project / ".venv")  # as if it had been interrupted
    again = subprocess.run(
        [sys.executable, "quickstart.py"],
        cwd=clone,
        env=environment,
        stdin=-3,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (again.returncode, "Continuing with" in again.stdout) == (0, True), again.stderr
    assert run("git", "status", "--porcelain", cwd=project) == ""
    assert run("git", "status", "--porcelain", cwd=clone) == ""


def test_quickstart_says_which_python_it_needs() -> None:
    """Run by an interpreter that is too old, if the machine has one."""
    old = [path for path in Path.home().glob(".pyenv/versions/3.[89].*/bin/python3") if path.exists()]
    source = (ROOT / "quickstart.py").read_text()
    assert source.index("sys.version_info < (3, 11)") < source.index("import tomllib")
    for python in old[:1]:
        assert "Python 3.11" in run(python, "quickstart.py", cwd=ROOT, code=1)
