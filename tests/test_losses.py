"""In every kind of repository, an update destroys nothing: it succeeds, or says why it changes nothing.

The template is a small one, because only what Copier and git do with files counts here.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from groundplan import git as git_module
from groundplan import updating
from groundplan.errors import Stop
from groundplan.template import prepared
from tests.small import LINES, make_template, start
from tests.tools import ROOT, commit_all, groundplan, groundplan_here, run, tree

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with a newer version than that of `project`."""
    return make_template(tmp_path_factory.mktemp("small") / "template")


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return start(template, tmp_path / "project")


def is_updated(project: Path) -> bool:
    files = {name: content.replace(b"\r", b"") for name, content in tree(project).items()}
    return files["docs/new.md"] == files["new.txt"] == b"new\n" and files["run.sh"].endswith(b"echo\n")


def git(project: Path, *arguments: str) -> str:
    return run("git", *arguments, cwd=project)


def update(project: Path) -> None:
    """The update without its command."""
    with prepared(project, None, ask=None) as ready:
        assert ready
        ready.apply()


def exclude_in(kind: str, project: Path, tmp_path: Path) -> None:
    """Lets git ignore new.txt and dropped.txt."""
    patterns = "new.txt\ndropped.txt\n"
    if kind == ".gitignore":
        (project / ".gitignore").write_text(patterns)
    elif kind == "info/exclude":
        (project / ".git" / "info" / "exclude").write_text(patterns)
    else:
        (tmp_path / "ignored").write_text(patterns)
        git(project, "config", "core.excludesFile", str(tmp_path / "ignored"))
    commit_all(project, "Ignore")


KINDS = (".gitignore", "info/exclude", "core.excludesFile")


@pytest.mark.parametrize("kind", KINDS)
def test_an_ignored_file_is_not_overwritten(kind: str, project: Path, tmp_path: Path) -> None:
    exclude_in(kind, project, tmp_path)
    (project / "new.txt").write_text("mine\n")
    before = tree(project)
    result = groundplan_here("update", project)
    assert (result.returncode, "new.txt" in result.stderr, "Nothing was changed" in result.stderr) == (1, True, True)
    assert tree(project) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_ignored_file_is_not_deleted(kind: str, project: Path, tmp_path: Path) -> None:
    """The owner has taken the file out of git, and goes on without it there."""
    git(project, "rm", "--quiet", "--cached", "dropped.txt")
    exclude_in(kind, project, tmp_path)
    (project / "dropped.txt").write_text("mine\n")
    assert groundplan_here("update", project).returncode == 0
    assert (project / "dropped.txt").read_text() == "mine\n"
    assert is_updated(project)


@pytest.mark.parametrize("flag", ["skip-worktree", "assume-unchanged"])
@pytest.mark.parametrize("name", ["changed.txt", "dropped.txt"])
def test_a_file_that_git_does_not_look_at_is_not_touched(flag: str, name: str, project: Path) -> None:
    git(project, "update-index", f"--{flag}", name)
    (project / name).write_text("mine\n")
    before = tree(project)
    result = groundplan_here("update", project)
    assert (result.returncode, name in result.stderr) == (1, True)
    assert tree(project) == before


def test_an_edited_file_that_the_template_drops_is_a_conflict(project: Path) -> None:
    (project / "dropped.txt").write_text("mine\n")
    commit_all(project, "Edit")
    result = groundplan_here("update", project)
    assert (result.returncode, "dropped.txt" in result.stderr) == (4, True)
    assert (project / "dropped.txt").read_text() == "mine\n"
    assert "UD dropped.txt" in git(project, "status", "--porcelain")
    assert git(project, "show", ":1:dropped.txt") == LINES
    assert is_updated(project)


def test_a_file_that_both_have_added_is_one_conflict(project: Path) -> None:
    (project / "new.txt").write_text("mine\n")
    commit_all(project, "Add")
    result = groundplan_here("update", project)
    assert (result.returncode, "new.txt" in result.stderr) == (4, True)
    expected = "<<<<<<< before updating\nmine\n=======\nnew\n>>>>>>> after updating\n"
    assert (project / "new.txt").read_text() == expected
    assert "AA new.txt" in git(project, "status", "--porcelain")
    assert git(project, "show", ":3:new.txt") == "new\n"


def conflict(project: Path) -> None:
    (project / "changed.txt").write_text(f"mine\n{LINES}")
    commit_all(project, "Edit")


# Settings of a repository that change what git commands show or do.
SETTINGS = {
    "status.showUntrackedFiles": "no",
    "status.relativePaths": "false",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.external": "false",
    "diff.renames": "copies",
    "color.ui": "always",
    "core.abbrev": "4",
    "core.fileMode": "false",
    "core.quotePath": "true",
    "core.hooksPath": "/nowhere",
    "commit.gpgSign": "true",
    "gpg.program": "false",
    "merge.conflictStyle": "diff3",
    "apply.whitespace": "error",
    "user.useConfigOnly": "true",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_git_do_not_change_an_update(name: str, project: Path) -> None:
    conflict(project)
    git(project, "config", name, SETTINGS[name])
    result = groundplan_here("update", project)
    assert (result.returncode, "changed.txt" in result.stderr) == (4, True), result.stderr
    text = (project / "changed.txt").read_text()
    assert "<<<<<<< before updating\nmine\n" in text
    assert not list(project.rglob("*.rej"))
    git(project, "config", "--unset", name)
    assert "UU changed.txt" in git(project, "status", "--porcelain")
    assert is_updated(project)
    assert os.access(project / "run.sh", os.X_OK)


@pytest.mark.parametrize(("name", "value"), [("core.quotePath", "false"), ("diff.orderFile", "/nowhere")])
def test_settings_of_a_user_do_not_change_an_update(
    name: str, value: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They reach the copy as well, where Copier runs git."""
    (project / "größe.txt").write_text("mine\n")
    conflict(project)
    run("git", "config", "--file", tmp_path / "config", name, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    result = groundplan("update", project)
    assert (result.returncode, "changed.txt" in result.stderr) == (4, True), result.stderr
    assert is_updated(project)


def test_hooks_do_not_run(project: Path) -> None:
    for name in ("pre-commit", "post-checkout", "post-index-change", "commit-msg"):
        hook = project / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch hooked.txt\nexit 1\n")
        hook.chmod(0o755)
    assert groundplan_here("update", project).returncode == 0
    assert is_updated(project)
    assert not (project / "hooked.txt").exists()


@pytest.mark.parametrize("hook", ["pre-commit", "pre-push"])
def test_settings_that_a_hook_inherits_do_not_change_an_update(hook: str, project: Path, tmp_path: Path) -> None:
    """As with `git -c name=value commit`, whose hooks may update another project."""
    conflict(project)
    outer = tmp_path / "outer"
    outer.mkdir()
    commit_all(outer, "Start", init=True)
    script = outer / ".git" / "hooks" / hook
    script.parent.mkdir(exist_ok=True)
    command = f"{sys.executable} -m groundplan update {project}"
    script.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} {command} >{tmp_path}/out 2>{tmp_path}/err\necho $? >{tmp_path}/code\n"
    )
    script.chmod(0o755)
    run("git", "init", "--quiet", "--bare", tmp_path / "remote")
    settings = (
        "core.autocrlf=true",
        "core.fileMode=false",
        "status.showUntrackedFiles=no",
        "merge.conflictStyle=diff3",
    )
    options = [part for setting in settings for part in ("-c", setting)]
    action = (
        ["push", str(tmp_path / "remote"), "HEAD"] if hook == "pre-push" else ["commit", "--allow-empty", "-m", "x"]
    )
    git(outer, *options, *action)
    assert (tmp_path / "code").read_text() == "4\n", (tmp_path / "err").read_text()
    assert "  changed.txt\n" in (tmp_path / "err").read_text()
    assert "UU changed.txt" in git(project, "status", "--porcelain")
    assert (project / "changed.txt").read_text().startswith("<<<<<<< before updating\nmine\n=======\n")
    assert is_updated(project)
    assert git(outer, "ls-files") == ""


def test_line_endings_stay_as_the_owner_has_them(project: Path) -> None:
    git(project, "config", "core.autocrlf", "true")
    for name in ("changed.txt", "docs/changed.md", "same.txt"):
        (project / name).unlink()
    git(project, "checkout", "--", ".")
    assert b"\r\n" in (project / "changed.txt").read_bytes()
    assert groundplan_here("update", project).returncode == 0
    assert (project / "new.txt").read_bytes() == b"new\r\n"
    assert (project / "changed.txt").read_bytes() == f"first\n{LINES}".replace("\n", "\r\n").encode()
    assert git(project, "diff", "--stat", "--", "same.txt") == ""


def to_sha256(project: Path, tmp_path: Path) -> Path:
    run("rm", "-r", project / ".git")
    run("git", "init", "--quiet", "--object-format=sha256", cwd=project)
    commit_all(project, "Start")
    return project


def to_worktree(project: Path, tmp_path: Path) -> Path:
    git(project, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    return tmp_path / "linked"


def to_shallow(project: Path, tmp_path: Path) -> Path:
    (project / "same.txt").write_text("changed\n")
    commit_all(project, "More")
    run("git", "clone", "--quiet", "--depth=1", f"file://{project}", tmp_path / "shallow")
    return tmp_path / "shallow"


def to_subdirectory(project: Path, tmp_path: Path) -> Path:
    run("rm", "-r", project / ".git")
    outer = tmp_path / "outer with spaces"
    (outer / "sérvices").mkdir(parents=True)
    project.rename(outer / "sérvices" / "one")
    commit_all(outer, "Start", init=True)
    return outer / "sérvices" / "one"


def to_submodule(project: Path, tmp_path: Path) -> Path:
    outer = tmp_path / "outer"
    outer.mkdir()
    commit_all(outer, "Start", init=True)
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(project), "sub")
    commit_all(outer, "Add a submodule")
    return outer / "sub"


@pytest.mark.parametrize("turn", [to_sha256, to_worktree, to_shallow, to_subdirectory, to_submodule])
def test_every_kind_of_repository(turn: Callable[[Path, Path], Path], project: Path, tmp_path: Path) -> None:
    place = turn(project, tmp_path)
    conflict(place)
    (place / "dropped.txt").write_text("mine\n")
    commit_all(place, "Edit")
    result = groundplan_here("update", place)
    assert result.returncode == 4, result.stderr
    assert is_updated(place)
    assert "<<<<<<< before updating" in (place / "changed.txt").read_text()
    assert (place / "dropped.txt").read_text() == "mine\n"
    status = git(place, "status", "--porcelain", "--untracked-files=all", ".")
    assert {line[:2] for line in status.splitlines()} == {"UU", "UD", " M", "??"}
    commit_all(place, "Update")  # as `git add` resolves them


def test_new_files_that_git_ignores_are_in_the_commands(project: Path) -> None:
    """To review, commit and undo: `git add` and `git clean` pass over what is ignored."""
    (project / ".gitignore").write_text("new.txt\n")
    commit_all(project, "Ignore new texts")
    result = groundplan_here("update", project)
    assert "git add --all . && git add --force new.txt && git diff --staged" in result.stdout
    (undo,) = re.findall(r"^    (git restore .*)$", result.stdout, re.MULTILINE)
    run("sh", "-c", undo, cwd=project)
    assert not (project / "new.txt").exists()
    assert run("git", "status", "--porcelain", "--ignored", cwd=project) == ""
    assert groundplan_here("update", project).returncode == 0


def test_changes_that_are_not_committed_are_named(project: Path) -> None:
    (project / "mine.txt").write_text("mine\n")
    result = groundplan_here("update", project)
    assert result.returncode == 1
    assert "  mine.txt\n" in result.stderr
    assert "git stash --include-untracked" in result.stderr


def test_files_of_a_sparse_checkout_stay_out(project: Path) -> None:
    git(project, "sparse-checkout", "set", "--cone", "elsewhere")
    before = tree(project)
    result = groundplan_here("update", project)
    assert (result.returncode, "docs/changed.md" in result.stderr) == (1, True)
    assert tree(project) == before


def test_nothing_is_written_through_a_link(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (project / "docs").rename(outside)
    (project / "docs").symlink_to(outside)
    commit_all(project, "Move the documents")
    before = tree(outside)
    result = groundplan("update", project)
    assert (result.returncode, "docs" in result.stderr, "Traceback" in result.stderr) == (1, True, False)
    assert tree(outside) == before
    assert git(project, "status", "--porcelain") == ""


def test_links_of_the_owner_stay(project: Path) -> None:
    (project / "link").symlink_to("same.txt")
    (project / "broken").symlink_to("/nowhere")
    commit_all(project, "Add links")
    assert groundplan_here("update", project).returncode == 0
    assert ((project / "link").readlink(), (project / "broken").readlink()) == (Path("same.txt"), Path("/nowhere"))
    assert is_updated(project)


def test_a_binary_file_of_the_owner_is_a_conflict(project: Path) -> None:
    """Other changes of the owner are merged."""
    (project / "changed.txt").write_bytes(b"\0mine\n")
    (project / "same.txt").write_bytes(b"\0mine\n")
    (project / "docs" / "changed.md").write_text(f"{LINES}mine\n")
    commit_all(project, "Edit")
    result = groundplan_here("update", project)
    assert (result.returncode, "  changed.txt\n" in result.stderr) == (4, True)
    assert (project / "changed.txt").read_bytes() == (project / "same.txt").read_bytes() == b"\0mine\n"
    assert git(project, "show", ":3:changed.txt") == f"first\n{LINES}"
    assert (project / "docs" / "changed.md").read_text() == f"first\n{LINES}mine\n"


def test_a_link_in_place_of_a_file_stays(project: Path) -> None:
    (project / "changed.txt").unlink()
    (project / "changed.txt").symlink_to("same.txt")
    commit_all(project, "Link")
    result = groundplan_here("update", project)
    assert (result.returncode, "  changed.txt\n" in result.stderr) == (4, True)
    assert (project / "changed.txt").readlink() == Path("same.txt")
    assert (project / "same.txt").read_text() == "same\n"
    assert is_updated(project)


@pytest.mark.parametrize("kind", ["repository", "directory"])
def test_what_is_in_the_way_stays(kind: str, project: Path) -> None:
    place = project / "new.txt"
    place.mkdir()
    if kind == "repository":
        commit_all(place, "Another", init=True)
    else:
        (project / ".gitignore").write_text("new.txt\n")
        (place / "mine").write_text("mine\n")
        commit_all(project, "Ignore")
    before = tree(project)
    result = groundplan_here("update", project)
    assert result.returncode == 1, result.stdout
    assert tree(project) == before


@pytest.mark.parametrize("variables", [{"LANG": "C", "LC_ALL": "C"}, {"HOME": ""}, {"TMPDIR": "/dev/shm"}])  # noqa: S108
def test_every_environment(variables: dict[str, str], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    result = groundplan("update", project)
    assert result.returncode == 0, result.stderr
    assert is_updated(project)


def test_a_locked_index_stops_an_update(project: Path) -> None:
    conflict(project)
    (project / ".git" / "index.lock").touch()
    before = tree(project)
    result = groundplan_here("update", project)
    assert (result.returncode, f"rm {project}/.git/index.lock" in result.stderr) == (1, True)
    assert tree(project) == before


def test_an_index_that_is_locked_at_the_last_moment_stops_an_update(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by an editor that looks at the state of git."""
    conflict(project)
    before = tree(project)
    monkeypatch.setattr(updating, "refuse_work", lambda project: (project / ".git" / "index.lock").touch())
    with pytest.raises(Stop, match="Nothing was changed"):
        update(project)
    (project / ".git" / "index.lock").unlink()
    assert tree(project) == before
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["merge", "rebase", "bisect"])
def test_an_update_waits_for_another_operation(kind: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is uncommitted in these, but the next commit would be theirs."""
    commit_all(project, "One")
    if kind == "merge":
        git(project, "branch", "other")
        commit_all(project, "Two")
        git(project, "checkout", "--quiet", "other")
        commit_all(project, "Three")
        git(project, "merge", "--quiet", "--no-commit", "-")
    elif kind == "rebase":
        monkeypatch.setenv("GIT_SEQUENCE_EDITOR", "sed -i s/^pick/edit/")
        git(project, "rebase", "--quiet", "--interactive", "--keep-empty", "HEAD~1")
    else:
        git(project, "bisect", "start")
    assert git(project, "status", "--porcelain") == ""
    before = tree(project)
    result = groundplan_here("update", project)
    assert (result.returncode, f"A {kind} is in progress" in result.stderr) == (1, True), result.stderr
    assert tree(project) == before


def test_files_whose_names_are_not_text_stay(project: Path) -> None:
    strange = Path(os.fsdecode(bytes(project) + b"/\xff\n.txt"))
    strange.write_text("mine\n")
    commit_all(project, "Add a file")
    result = groundplan_here("update", project)
    assert result.returncode == 0, result.stderr
    assert strange.read_text() == "mine\n"
    assert is_updated(project)


def test_a_filter_that_fails_leaves_nothing_half_done(project: Path) -> None:
    conflict(project)
    (project / ".gitattributes").write_text("new.txt filter=broken\n")
    commit_all(project, "Filter")
    for key, value in {"smudge": "false", "clean": "cat", "required": "true"}.items():
        git(project, "config", f"filter.broken.{key}", value)
    before = tree(project)
    result = groundplan_here("update", project)
    assert (result.returncode, "Nothing was changed." in result.stderr) == (1, True)
    assert tree(project) == before
    assert git(project, "status", "--porcelain") == ""


def test_a_disk_that_is_read_only_is_no_loss(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was written, so nothing has to be put back."""
    before = tree(project)

    def refusing(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(updating.Copy, "_write", refusing)
    monkeypatch.setattr(updating, "remove", refusing)
    with pytest.raises(OSError, match="Read-only"):
        update(project)
    assert tree(project) == before


def test_files_that_cannot_be_put_back_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def failing(copy: updating.Copy, _: object) -> None:
        (copy.project / "changed.txt").write_text("half")
        monkeypatch.setattr(updating, "remove", full)
        monkeypatch.setattr(updating, "is_same", full)
        full()

    monkeypatch.setattr(updating.Copy, "_write", failing)
    with pytest.raises(Stop, match=r"  changed\.txt: No space left on device\n(.|\n)*git restore"):
        update(project)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("_commit: v1.0.0", "_commit: HEAD", "HEAD, which is not a version"),
        ("{template}", "{bare}", "git+file://{bare}"),
    ],
)
def test_an_answers_file_that_was_edited(
    old: str, new: str, words: str, template: Path, project: Path, tmp_path: Path
) -> None:
    places = {"template": template, "bare": tmp_path / "bare"}
    run("git", "clone", "--quiet", "--bare", template, places["bare"])
    file = project / ".copier-answers.yml"
    file.write_text(file.read_text().replace(old.format(**places), new.format(**places)))
    commit_all(project, "Edit")
    for command in ("check", "update"):
        result = groundplan_here(command, project)
        assert (result.returncode, words.format(**places) in result.stderr) == (1, True), result.stderr


def test_an_answers_file_that_is_a_link(project: Path) -> None:
    (project / ".copier-answers.yml").rename(project / "answers.yml")
    (project / ".copier-answers.yml").symlink_to("answers.yml")
    commit_all(project, "Link")
    result = groundplan_here("update", project)
    assert (result.returncode, "is a link" in result.stderr) == (1, True)


@pytest.mark.parametrize("step", ["update-index", "checkout-index", "hash-object -w"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_an_interrupted_update_is_undone(
    step: str, kind: type[BaseException], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflict(project)
    before = tree(project)
    original = git_module.run

    def failing(directory: Path, *arguments: str, **options: object) -> bytes:
        if directory == project and " ".join(arguments).startswith(step):
            if arguments[0] == "checkout-index":  # it has written some files
                (project / "changed.txt").write_text("half")
                (project / "new.txt").write_text("half")
            raise kind
        return original(directory, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(updating, "run", failing)
    with pytest.raises(kind):
        update(project)
    assert tree(project) == before
    assert git(project, "status", "--porcelain") == ""


def test_a_checkout_of_another_user_is_explained(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    result = groundplan_here("update", project)
    assert (result.returncode, "dubious ownership" in result.stderr) == (1, True), result.stderr


def test_a_killed_update_has_written_nothing_before_its_last_step(project: Path) -> None:
    before = tree(project)
    process = subprocess.Popen([sys.executable, "-m", "groundplan", "update", project], stdout=-3, stderr=-3)
    process.kill()
    process.wait()
    assert tree(project) == before
