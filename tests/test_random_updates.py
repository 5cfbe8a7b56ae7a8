"""Random owners meet random histories of a template: each byte is kept, or nothing changes, and conflicts are named.

`GROUNDPLAN_EXAMPLES` sets the number of examples.
"""

import contextlib
import hashlib
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from tests.small import ANSWERS
from tests.test_losses import SETTINGS
from tests.tools import groundplan_here, render_anew, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # of Copier's generators, after errors
]
EXAMPLES = int(os.environ.get("GROUNDPLAN_EXAMPLES", "12"))
LINES = "".join(f"line {number}\n" for number in range(9))
ABOUT = "about.txt"  # the template fills in the answers
ANSWERS_FILE = ".copier-answers.yml"
NAMES = [
    "a.txt",
    "b.txt",
    "run.sh",
    "docs/a.md",
    "docs/b.md",
    "docs/deep/c.md",
    "docs",  # a file where there may be a directory
    "own/own.txt",
    "two words.txt",
    "sérvice.txt",
    'quo"te.txt',
    "-dash.txt",
]

names = st.sampled_from([*NAMES, "a.txt", "a.txt", "b.txt", "docs/a.md", "docs/a.md"])  # both often meet in these
TEXTS = ["", LINES, "mine\n", "no line break", LINES.replace("\n", "\r\n"), "\0binary\1", "=======\n"]
texts = st.sampled_from(TEXTS)
owners_texts = st.sampled_from([*TEXTS, f"<<<<<<< before updating\n{LINES}"])
# Of a file's lines: where, how many go, and what comes.
edits = st.tuples(
    st.sampled_from([0, 1, 4, 8]), st.integers(0, 2), st.sampled_from(["", "new\n", "other\n", "new\nother\n", "\n"])
)
modes = st.sampled_from([0o644, 0o755])
template_changes = st.one_of(
    st.tuples(st.just("write"), names, texts),
    st.tuples(st.just("edit"), names, edits),
    st.tuples(st.just("edit"), names, edits),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("mode"), names, modes),
    st.tuples(st.just("ask"), st.sampled_from(["name", "colour"]), st.sampled_from(["shop", "green", "12", "yes"])),
    st.tuples(st.just("stop asking"), st.sampled_from(["name", "colour"])),
)
committed = st.one_of(
    st.tuples(st.just("write"), names, owners_texts),
    st.tuples(st.just("edit"), names, edits),
    st.tuples(st.just("edit"), st.sampled_from([*NAMES, ABOUT]), edits),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("rename"), names, st.sampled_from([*NAMES, "moved.txt", "own/moved.txt"])),
    st.tuples(st.just("link"), names, st.sampled_from(["a.txt", "/nowhere", "docs"])),
    st.tuples(st.just("mode"), names, modes),
    st.tuples(st.just("forget"), names),
    st.tuples(st.just("ignore"), st.sampled_from([*NAMES, "*.txt", "docs/", "*.rej"])),
    st.tuples(st.just("attributes"), st.sampled_from(["* text=auto", "*.txt eol=crlf", "*.md -diff", "* merge=union"])),
    st.tuples(st.just("set"), st.sampled_from(sorted(SETTINGS))),
    st.tuples(st.just("set"), st.sampled_from(["core.autocrlf", "core.ignoreStat", "core.precomposeUnicode"])),
)
hidden = st.one_of(
    st.tuples(st.just("unseen"), names, owners_texts),
    st.tuples(st.just("skip-worktree"), names, owners_texts),
    st.tuples(st.just("assume-unchanged"), names, owners_texts),
    st.tuples(st.just("set"), st.sampled_from(sorted(SETTINGS))),
    st.tuples(st.just("set"), st.just("core.autocrlf")),
)


@dataclass(frozen=True)
class Version:
    """A version of a template: text and mode of each file, and default of each question."""

    files: dict[str, tuple[str, int]]
    questions: dict[str, str]


FIRST = Version(
    {
        **dict.fromkeys(("a.txt", "b.txt", "docs/a.md", "two words.txt"), (LINES, 0o644)),
        "run.sh": ("#!/bin/sh\n", 0o755),
    },
    {"name": "shop"},
)


def edited(text: str, edit: tuple[int, int, str]) -> str:
    start, count, new = edit
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:start], new, *lines[start + count :]])


def changed(version: Version, changes: list[Any]) -> Version:
    """The next version, without the changes that are not possible."""
    files, questions = dict(version.files), dict(version.questions)
    for kind, name, *more in changes:
        text, mode = files.get(name, ("", 0o644))
        if kind == "ask":
            questions[name] = more[0]
        elif kind == "stop asking":
            questions.pop(name, None)
        elif kind == "write" and is_free(name, files):
            files[name] = (more[0], mode)
        elif name in files:
            if kind == "edit":
                files[name] = (edited(text, more[0]), mode)
            elif kind == "mode":
                files[name] = (text, more[0])
            elif kind == "delete":
                del files[name]
            elif kind == "rename" and more[0] not in files and is_free(more[0], {**files, name: files[name]}):
                files[more[0]] = files.pop(name)
    return Version(files, questions)


def is_free(name: str, files: dict[str, Any]) -> bool:
    return not any(name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in files)


def make(template: Path, versions: list[Version]) -> None:
    """Commits and tags all versions at once."""
    stream = []
    for number, version in enumerate(versions, 1):
        questions = "".join(f"{name}:\n  type: str\n  default: '{text}'\n" for name, text in version.questions.items())
        about = "".join(f"{name}: {{{{ {name} }}}}\n" for name in version.questions)
        own = {"copier.yml": f"_min_copier_version: '9'\n{questions}", f"{ABOUT}.jinja": f"About\n{about}End\n"}
        own["{{ _copier_conf.answers_file }}.jinja"] = ANSWERS
        files = {**{name: (text, 0o644) for name, text in own.items()}, **version.files}
        stream.append(f"commit refs/heads/main\ncommitter T <t@example.com> {number}00 +0000\ndata 1\nx\ndeleteall\n")
        for name, (text, mode) in files.items():
            quoted = name.replace('"', '\\"')
            stream.append(f'M {mode | 0o100000:o} inline "{quoted}"\ndata {len(text.encode())}\n{text}\n')
        stream.append(f"reset refs/tags/v{number}.0.0\nfrom refs/heads/main\n\n")
    run("git", "init", "--quiet", "--initial-branch=main", template)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=template, input="".join(stream).encode(), check=True)
    run("git", "reset", "--quiet", "--hard", cwd=template)


def git(project: Path, *arguments: str, check: bool = True, given: bytes = b"") -> bytes:
    return subprocess.run(["git", *arguments], cwd=project, input=given, stdout=-1, stderr=-3, check=check).stdout


def act(project: Path, kind: str, name: str, *more: Any) -> None:
    """Does what an owner may do, if it is possible."""
    place = project / name
    if kind == "set":
        git(project, "config", name, SETTINGS.get(name, "true"))
    elif kind == "ignore":
        add(project / ".gitignore", name)
    elif kind == "attributes":
        add(project / ".gitattributes", name)
    elif kind in {"write", "unseen"} and not place.is_dir():
        if kind == "unseen" and git(project, "ls-files", "--", f":(literal){name}"):
            return
        if kind == "unseen":
            add(project / ".git" / "info" / "exclude", f"/{name}")
        with contextlib.suppress(OSError):  # such as a file where a directory is needed, or a link to itself
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(more[0].encode())
    elif place.is_file() and not place.is_symlink():
        tracked = git(project, "ls-files", "--", f":(literal){name}")
        if kind == "edit":
            place.write_bytes(edited(place.read_bytes().decode(), more[0]).encode())
        elif kind == "delete":
            place.unlink()
        elif kind == "rename" and not os.path.lexists(project / more[0]) and (project / more[0]).parent.is_dir():
            place.rename(project / more[0])
        elif kind == "link":
            place.unlink()
            place.symlink_to(more[0])
        elif kind == "mode":
            place.chmod(more[0])
        elif kind == "forget" and tracked:
            git(project, "rm", "--quiet", "--cached", "--", f":(literal){name}")
            add(project / ".git" / "info" / "exclude", f"/{name}")
        elif kind in {"skip-worktree", "assume-unchanged"} and tracked:
            git(project, "update-index", f"--{kind}", "--", name)
            place.write_bytes(more[0].encode())


def add(file: Path, line: str) -> None:
    with file.open("a") as opened:
        opened.write(f"{line}\n")


def commit(project: Path) -> None:
    git(project, "-c", "core.hooksPath=/dev/null", "add", "--all")
    options = ["-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null", "-c", "user.useConfigOnly=false"]
    git(project, *options, "commit", "--quiet", "--allow-empty", "--message=x")


Contents = dict[str, tuple[int, bytes]]


def contents(project: Path) -> Contents:
    """Mode and bytes of every file outside of .git; a link has mode 0."""
    found = {}
    for path in project.rglob("*"):
        name = path.relative_to(project).as_posix()
        if path.is_symlink():
            found[name] = (0, os.fsencode(path.readlink()))
        elif path.is_file() and not name.startswith(".git/"):
            found[name] = (path.stat().st_mode & 0o777, path.read_bytes())
    return found


def state(project: Path) -> tuple[Contents, bytes, bytes, bytes]:
    """All that an update may change."""
    head = git(project, "rev-parse", "HEAD")
    return contents(project), head, git(project, "ls-files", "--stage"), git(project, "ls-files", "-v")


def committed_files(project: Path, commit: str) -> Contents:
    """The files of a commit, as git stores them."""
    entries = [
        line.decode().partition("\t") for line in git(project, "ls-tree", "-r", "-z", commit).split(b"\0") if line
    ]
    modes = {path: facts.split()[0] for facts, _, path in entries}
    names = "".join(f"{facts.split()[2]}\n" for facts, _, _ in entries).encode()
    output = git(project, "cat-file", "--batch", given=names)
    found = {}
    for path, mode in modes.items():
        head, _, output = output.partition(b"\n")
        size = int(head.split()[2])
        found[path] = (0 if mode == "120000" else int(mode, 8) & 0o777, output[:size])
        output = output[size + 1 :]
    return found


def held_by_git(project: Path, files: Contents) -> set[str]:
    """The files whose bytes git has, or makes from what it has."""
    hashes = {name: hashlib.sha1(b"blob %d\0%b" % (len(text), text)).hexdigest() for name, (_, text) in files.items()}  # noqa: S324
    given = "".join(f"{name}\n" for name in hashes.values()).encode()
    missing = {
        line.split()[0].decode()
        for line in git(project, "cat-file", "--batch-check", given=given).splitlines()
        if line.endswith(b" missing")
    }
    return {
        name
        for name in files
        if hashes[name] not in missing
        or git(project, "cat-file", "--filters", f"HEAD:./{name}", check=False) == files[name][1]
    }


def lines(content: bytes) -> set[bytes]:
    return {line.rstrip(b"\r") for line in content.split(b"\n")}


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="random-", ignore_cleanup_errors=True) as directory:
        yield Path(directory).resolve()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(
    history=st.lists(st.lists(template_changes, min_size=1, max_size=6), min_size=1, max_size=3),
    pair=st.tuples(st.integers(0, 2), st.integers(1, 3)),
    done=st.lists(committed, min_size=1, max_size=6),
    kept=st.lists(hidden, max_size=3),
)
def test_every_byte_is_kept_or_nothing_changes(
    history: list[Any], pair: tuple[int, int], done: list[Any], kept: list[Any]
) -> None:
    versions = list(itertools.accumulate(history, changed, initial=FIRST))
    old = min(pair[0], len(versions) - 2)
    new = min(old + pair[1], len(versions) - 1)
    with temporary() as directory:
        template, project = directory / "template", directory / "project"
        make(template, versions)
        run("git", "checkout", "--quiet", f"v{old + 1}.0.0", cwd=template)
        render_anew(template, project)
        run("git", "checkout", "--quiet", "main", cwd=template)
        git(directory, "init", "--quiet", "project")
        commit(project)
        start = committed_files(project, "HEAD")
        for action in done:
            act(project, *action)
        commit(project)
        mine = committed_files(project, "HEAD")
        for action in kept:
            act(project, *action)
        before = state(project)
        held = held_by_git(project, before[0])

        result = groundplan_here("update", project, "--ref", f"v{new + 1}.0.0")
        note(result.stdout + result.stderr)
        event(f"exit {result.returncode} {result.stderr.split(chr(10))[0].replace(str(directory), '')[:60]}")
        assert "Unexpected" not in result.stderr
        if result.returncode not in {0, 4}:
            assert result.stderr.strip()
            assert state(project) == before
            return

        after = contents(project)
        stages = [line.split(b"\t") for line in git(project, "ls-files", "--unmerged", "-z").split(b"\0") if line]
        unmerged = {path.decode() for _, path in stages}
        named = {line[2:] for line in result.stderr.splitlines() if line.startswith("  ") and line[2] != " "}
        assert (named, result.returncode) == (unmerged, 4 if unmerged else 0)
        assert git(project, "rev-parse", "HEAD") == before[1]
        assert not [name for name in after if name.endswith(".rej")]
        for name in before[0]:
            assert name in held or after.get(name) == before[0][name], name
        for name, (_, content) in after.items():
            if b"<<<<<<< before updating" in lines(content) - lines(before[0].get(name, (0, b""))[1]):
                assert name in unmerged, name
        check_owners_lines(start, mine, before[0], after, unmerged)
        check_template(start, mine, before[0], after, versions[old], versions[new])


def check_owners_lines(start: Contents, mine: Contents, before: Contents, after: Contents, unmerged: set[str]) -> None:
    """What the owner wrote into a file is in it, or the file is named."""
    for name, (mode, content) in mine.items():
        base_mode, base = start.get(name, (0o644, b""))
        untouched = before.get(name) == after.get(name)  # perhaps other than in git, which was told not to look at it
        if untouched or name in unmerged or name == ANSWERS_FILE or content == base:
            continue
        assert name in after, name
        if not mode or not base_mode:  # a link
            assert after[name][1] == content, name
        assert lines(content) - lines(base) <= lines(after[name][1]), name


def check_template(
    start: Contents, mine: Contents, before: Contents, after: Contents, old: Version, new: Version
) -> None:
    """What the owner left alone is what the new version says."""
    for name in {*old.files, *new.files}:
        in_git, in_tree = (files.get(name, (0, b""))[1].replace(b"\r", b"") for files in (mine, before))
        if start.get(name) != mine.get(name) or (name in before) != (name in mine) or in_git != in_tree:
            continue
        expected = new.files.get(name)
        if expected is None:
            assert name not in after, name
        else:
            text, mode = expected
            assert name in after, name
            found_mode, content = after[name]
            assert content.replace(b"\r", b"") == text.replace("\r", "").encode(), name
            assert found_mode & 0o100 == mode & 0o100, name


def test_the_rules_of_this_test_see_losses() -> None:
    """They are of no use if they accept everything."""
    start, mine = {"a.txt": (0o644, b"1\n")}, {"a.txt": (0o644, b"1\nmine\n")}
    check_owners_lines(start, mine, mine, {"a.txt": (0o644, b"1\n2\nmine\n")}, set())
    check_owners_lines(start, mine, mine, {}, {"a.txt"})
    with pytest.raises(AssertionError):
        check_owners_lines(start, mine, mine, {"a.txt": (0o644, b"1\n2\n")}, set())
    with pytest.raises(AssertionError):
        check_owners_lines(start, mine, mine, {}, set())
