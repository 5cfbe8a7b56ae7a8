"""A version is made on a clone: its changelog, commit, tag and wheel; a failure leaves everything as it was."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.test_changelog import parsed
from tests.test_install import install
from tests.tools import commit_all, groundplan, run, tree

VERSION = "99.0.0"


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    run("git", "clone", "--quiet", template, tmp_path / "clone")
    fragment = tmp_path / "clone" / "changelog.d" / "all" / "+test.security.md"
    fragment.parent.mkdir(parents=True, exist_ok=True)
    fragment.write_text("Bodies are limited.\n")
    commit_all(tmp_path / "clone", "Limit bodies")
    return tmp_path / "clone"


def release(clone: Path, version: str = VERSION, code: int = 0) -> str:
    return run(sys.executable, "scripts/release.py", version, cwd=clone, code=code)


def state(clone: Path) -> tuple[object, ...]:
    """All that a failure must not change: the files, what git shows of them, and all branches, tags and worktrees."""
    commands = (("status", "--porcelain"), ("for-each-ref",), ("symbolic-ref", "HEAD"), ("worktree", "list"))
    return tree(clone), *(run("git", *command, cwd=clone) for command in commands)


@pytest.mark.slow
def test_a_version(clone: Path, tmp_path: Path) -> None:
    before = run("git", "rev-parse", "HEAD", cwd=clone).strip()
    for tag in ("v98.0.0", "private"):
        run("git", "tag", tag, cwd=clone)
    printed = release(clone)
    assert f"git push --atomic origin main v{VERSION}" in printed

    assert run("git", "cat-file", "-t", f"v{VERSION}", cwd=clone) == "tag\n"
    assert run("git", "rev-parse", f"v{VERSION}^{{commit}}", cwd=clone) == run("git", "rev-parse", "main", cwd=clone)
    assert run("git", "rev-parse", "main^", cwd=clone).strip() == before
    assert run("git", "status", "--porcelain", cwd=clone) == ""
    assert len(run("git", "worktree", "list", cwd=clone).splitlines()) == 1
    changes = parsed((clone / "CHANGELOG.md").read_text())[VERSION]
    assert "Bodies are limited." in changes["Every project"]["Security"]
    assert not list(clone.glob("changelog.d/*/*.md"))
    assert tomllib.loads((clone / "pyproject.toml").read_text())["project"]["version"] == VERSION
    files = run("git", "diff", "--name-only", before, "main", "--", ":!changelog.d", cwd=clone).split()
    assert files == ["CHANGELOG.md", "pyproject.toml", "uv.lock"]
    assert run("git", "diff", "--numstat", before, "main", "--", "uv.lock", cwd=clone) == "1\t1\tuv.lock\n"

    wheel = clone / "dist" / f"groundplan-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        bundle = archive.extract("groundplan/template.bundle", tmp_path)
    heads = run("git", "bundle", "list-heads", bundle, cwd=clone).split()[1::2]
    assert set(heads) == {"HEAD", "refs/tags/v98.0.0", f"refs/tags/v{VERSION}"}
    installed = install(tmp_path / "environment", wheel)
    assert run(installed, "--version") == f"{VERSION}\n"
    for name, options in {"from-wheel": (), "from-clone": ("--template", clone)}.items():
        run(installed, "new", tmp_path / name, "--framework", "fastapi", "--defaults", *options)
        assert yaml.safe_load((tmp_path / name / ".copier-answers.yml").read_text())["_commit"] == f"v{VERSION}"

    assert "not newer" in release(clone, code=1)
    assert "no entries" in release(clone, "99.0.1", code=1)


@pytest.mark.slow
def test_a_project_of_an_earlier_commit_finds_the_version(clone: Path, tmp_path: Path) -> None:
    project = tmp_path / "service"
    new = ("new", project, "--framework", "fastapi", "--defaults", "--template", clone)
    assert groundplan(*new).returncode == 0
    commit_all(project, "Start", init=True)
    release(clone)
    result = groundplan("check", project)
    assert (result.returncode, f"v{VERSION}" in result.stdout) == (5, True), result.stdout + result.stderr


def test_a_version_that_is_wrong_is_refused(clone: Path) -> None:
    before = state(clone)
    for version in (
        "99",
        "v99.0.0",
        "99.0.0-rc1",
        "99.0.0rc1",
        "99.0.0.post1",
        "099.0.0",
        "seven",
        "",
        "0.1.0",
        "0.0.9",
    ):
        printed = release(clone, version, code=1)
        assert printed.count("\n") == 1, printed
    assert state(clone) == before


def test_versions_are_made_from_a_clean_main(clone: Path) -> None:
    run("git", "config", "status.showUntrackedFiles", "no", cwd=clone)
    new = clone / "changelog.d" / "all" / "+new.change.md"
    new.write_text("not committed\n")
    assert "not committed" in release(clone, code=1)
    new.unlink()
    run("git", "switch", "--quiet", "--create", "topic", cwd=clone)
    assert "the current branch is topic" in release(clone, code=1)
    run("git", "switch", "--quiet", "--detach", cwd=clone)
    assert "the current branch is none" in release(clone, code=1)


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["changelog", "tag", "wheel", "main"])
def test_a_failure_changes_nothing(clone: Path, cause: str) -> None:
    if cause == "changelog":
        (clone / "changelog.d" / "all" / "+test.feature.md").write_text("Of an unknown type.\n")
    elif cause == "tag":
        run("git", "tag", f"v{VERSION}", cwd=clone)
    elif cause == "wheel":
        (clone / "scripts" / "bundle.py").write_text("raise RuntimeError\n")
    else:  # the last step
        hook = clone / ".git" / "hooks" / "reference-transaction"
        hook.write_text('#!/bin/sh\nif [ "$1" = prepared ] && grep -q refs/heads/main; then rm "$0"; exit 1; fi\n')
    commit_all(clone, "Break it")
    before = state(clone)
    if cause == "main":
        hook.chmod(0o755)
    assert "This step failed" in release(clone, code=1)
    assert state(clone) == before


@pytest.mark.slow
def test_an_interrupted_release_changes_nothing(clone: Path) -> None:
    bundle = clone / "scripts" / "bundle.py"
    building = clone.parent / "building"
    bundle.write_text(f"import pathlib, time\npathlib.Path({str(building)!r}).touch()\ntime.sleep(10)\n")
    commit_all(clone, "Wait")
    before = state(clone)
    command = [sys.executable, "scripts/release.py", VERSION]
    with subprocess.Popen(command, cwd=clone) as process:
        while not building.exists():
            assert process.poll() is None
        process.terminate()
    assert process.returncode == 143
    assert state(clone) == before


@pytest.mark.slow
@pytest.mark.parametrize("meanwhile", ["commit", "edit"])
def test_what_was_done_during_a_release_is_kept(clone: Path, meanwhile: str) -> None:
    """The release fails, since it was made from something else."""
    bundle = clone / "scripts" / "bundle.py"
    building, go_on = clone.parent / "building", clone.parent / "go_on"
    signal = f"pathlib.Path({str(building)!r}).touch()"
    wait = f"while not pathlib.Path({str(go_on)!r}).exists():\n    time.sleep(0.05)"
    bundle.write_text(f"import pathlib, time\n{signal}\n{wait}\n{bundle.read_text()}")
    commit_all(clone, "Wait")
    with subprocess.Popen([sys.executable, "scripts/release.py", VERSION], cwd=clone) as process:
        try:
            while not building.exists():
                assert process.poll() is None
            with (clone / "CHANGELOG.md").open("a") as file:
                file.write("Edited meanwhile.\n")
            run("git", "add", "CHANGELOG.md", cwd=clone)
            if meanwhile == "commit":
                commit_all(clone, "Meanwhile")
            status = run("git", "status", "--porcelain", cwd=clone)
            main = run("git", "rev-parse", "main", cwd=clone)
        finally:
            go_on.touch()
    assert process.returncode == 1
    assert run("git", "status", "--porcelain", cwd=clone) == status
    assert run("git", "rev-parse", "main", cwd=clone) == main
    assert "Edited meanwhile." in (clone / "CHANGELOG.md").read_text()
    assert run("git", "tag", cwd=clone) == ""
