"""An update works on a copy of the project, as git holds it, and reaches the project only if nothing can be lost.

Copier's update works in a project's own directory, where it would overwrite and delete files that git ignores or does
not look at, and where it merges with `git apply`, which silently drops the owner's change to a binary file. Here,
Copier updates a copy with only the committed files, as the old version of the template rendered them. Then each file is
merged: the old version, the owner's and the new one.
"""

import filecmp
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from groundplan.errors import Stop
from groundplan.git import changes, git, known_settings, parts, result, run

GONE = "000000"  # mode of a file that does not exist
FILES = ("100644", "100755")  # modes of files; links and submodules have others
SUBMODULE = "160000"
MOST_CONFLICTS = 127  # that git merge-file counts; higher codes are errors
ATTRIBUTES = "* -text -filter -ident -working-tree-encoding !diff !merge\n"  # bytes are stored and written as they are
SHOWN = 20  # files that a message names


@dataclass(frozen=True)
class Change:
    """A file that the update writes, or deletes if `mode` is `GONE`."""

    path: str  # relative to the project, as all paths here
    old_mode: str
    mode: str
    old_name: str  # of the content, in git
    name: str


# Mode, name and stage (1: both sides' origin, 2: the owner's, 3: the template's) of each side of a conflict.
Sides = list[tuple[str, str, str]]


@dataclass(frozen=True)
class Plan:
    """The changes of an update, and its conflicts by path."""

    changed: list[Change]
    conflicts: dict[str, Sides]

    def files(self) -> list[tuple[str, str]]:
        """Return what happens to each file, and its path. Conflicts are last."""
        effects = {change.path: _effect(change) for change in self.changed if change.path not in self.conflicts}
        return [*((effect, path) for path, effect in effects.items()), *(("conflict", path) for path in self.conflicts)]


def _effect(change: Change) -> str:
    if change.old_mode == GONE:
        return "added"
    return "deleted" if change.mode == GONE else "changed"


Entry = tuple[str, str]  # mode, and name of the content in git


class Copy:
    """A copy of a project's last commit, in a repository of its own that also reads the project's objects.

    It has no attributes, filters or hooks.
    """

    def __init__(self, project: Path, directory: Path) -> None:
        self.project = project
        self.path = directory / "project"
        self._directory = directory
        self._hash = git(project, "rev-parse", "--show-object-format")
        self._former: dict[str, Entry] = {}
        with self.settings():
            self._fill()

    def settings(self) -> AbstractContextManager[None]:
        """Run git with the settings of the copy."""
        return known_settings(GIT_DEFAULT_HASH=self._hash)

    def _fill(self) -> None:
        project, directory = self.project, self._directory
        tree = git(project, "rev-parse", "HEAD:./")
        git(directory, "init", "--quiet", str(self.path))
        alternates = self._git("rev-parse", "--path-format=absolute", "--git-path", "objects/info/alternates")
        objects = git(project, "rev-parse", "--path-format=absolute", "--git-path", "objects")
        Path(alternates).parent.mkdir(parents=True, exist_ok=True)
        Path(alternates).write_text(f"{objects}\n", encoding="utf-8", errors="surrogateescape")
        attributes = self.path / ".git" / "info" / "attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text(ATTRIBUTES, encoding="utf-8")
        self._owners = self._entries(tree)
        self._git("read-tree", tree)
        # Copier cannot read a name that is not UTF-8, and needs only the files that the template may have.
        other = encoded("".join(f"{path}\0" for path in self._owners if not path.isprintable()))
        run(self.path, "update-index", "--force-remove", "-z", "--stdin", given=other)
        self._git("checkout-index", "--all")

    def _git(self, *arguments: str) -> str:
        return git(self.path, *arguments)

    def undo_edits(self, render: Callable[[Path], object], answers: str) -> None:
        """Give the files of the template the content that its old version has, and commit the copy.

        `render` writes a project of the old version into a directory. The answers file stays.
        """
        former = self._directory / "former"
        render(former)
        rendered = {path.relative_to(former).as_posix() for path in former.rglob("*") if path.is_file()}
        submodules = {path for path, (mode, _) in self._owners.items() if mode == SUBMODULE}
        originals = rendered & self._owners.keys() - submodules - {answers}
        for path in originals:
            if self._owners[path][0] not in FILES:  # the index would keep it as a link
                self._git("update-index", "--force-remove", "--", path)
            shutil.copy(former / path, self.path / path)
        tree = self._tree()
        self._former = {path: entry for path, entry in self._entries(tree).items() if path in originals | {answers}}
        self._git("commit", "--quiet", "--allow-empty", "--message", "The project, as the template made it")

    def _tree(self) -> str:
        """Store the copy's files as they are now."""
        self._git("add", "--all", "--force", "--", ".")
        return self._git("write-tree")

    def _entries(self, tree: str) -> dict[str, Entry]:
        found = {}
        for line in parts(run(self.path, "ls-tree", "-r", "-z", tree)):
            facts, path = line.split("\t", 1)
            mode, _, name = facts.split()
            found[path] = (mode, name)
        return found

    @contextmanager
    def links_left_alone(self) -> Iterator[None]:
        """Explain why nothing is written below a link, or where one side has a file and the other a directory."""
        try:
            yield
        except (FileExistsError, NotADirectoryError) as error:
            place = Path(str(error.filename))
            named = place.relative_to(self.path) if place.is_relative_to(self.path) else place
            raise Stop(
                f"{named}: the template has a directory where the project has a file or a link. Rename yours, commit "
                "that, and try again. Nothing was changed."
            ) from error
        except AssertionError as error:  # Copier gives no reason
            raise Stop(
                "Copier cannot apply the update. The new version of the template probably has a file where the project "
                "has a directory: rename the directory, commit that, and try again. Nothing was changed."
            ) from error

    def merged(self) -> Plan:
        """Return what changes in the project, now that the copy is updated."""
        plan = Plan([], {})
        added = self._added_by_both()
        updated = self._entries(self._tree()) | added
        for path in sorted(self._owners.keys() | updated.keys()):
            former, owners, new = (entries.get(path) for entries in (self._former, self._owners, updated))
            if owners == new or new == former or (owners and owners[0] == SUBMODULE):
                continue
            if owners == former:  # not edited, or absent
                merged = new
            else:
                merged, is_conflict = self._merged(former, owners, new)
                if is_conflict:
                    sides = zip((former, owners, new), "123", strict=True)
                    plan.conflicts[path] = [(*entry, stage) for entry, stage in sides if entry]
            if merged != owners:
                old, after = owners or (GONE, ""), merged or (GONE, "")
                plan.changed.append(Change(path, old[0], after[0], old[1], after[1]))
        return plan

    def _added_by_both(self) -> dict[str, Entry]:
        """Return the template's content of the files in which Copier has left conflict markers."""
        found = (line.split("\t", 1) for line in parts(run(self.path, "ls-files", "--unmerged", "-z")))
        stages = [(facts.split(), path) for facts, path in found]
        return {path: (mode, name) for (mode, name, stage), path in stages if stage == "3"}

    def _merged(self, former: Entry | None, owners: Entry | None, new: Entry | None) -> tuple[Entry | None, bool]:
        """Merge a file that both sides have changed, and return whether there is a conflict."""
        sides = [entry for entry in (former, owners, new) if entry]
        if not owners or not new or any(mode not in FILES for mode, _ in sides):
            return owners, True
        texts = {}
        for label, entry in (("before updating", owners), ("last update", former), ("after updating", new)):
            texts[label] = self._directory / label
            texts[label].write_bytes(run(self.path, "cat-file", "blob", entry[1]) if entry else b"")
        labels = [part for label in texts for part in ("-L", label)]
        done = result(self.path, "merge-file", "--stdout", *labels, *map(str, texts.values()))
        if done.returncode > MOST_CONFLICTS:  # git cannot merge it, for instance because it is binary
            return owners, True
        mode = new[0] if former and owners[0] == former[0] else owners[0]
        name = run(self.path, "hash-object", "-w", "--stdin", given=done.stdout).decode().strip()
        return (mode, name), done.returncode > 0

    def plan(self) -> Plan:
        """Return what the update has changed in the copy, or stop if the project would lose something."""
        with self.settings():
            plan = self.merged()
        refuse_losses(self.project, plan.changed)
        return plan

    def ignored(self, plan: Plan) -> list[str]:
        """Return the new files that the project's git ignores: `git add` and `git clean` pass over them."""
        added = [change.path for change in plan.changed if change.old_mode == GONE]
        given = encoded("".join(f"{path}\0" for path in added))
        done = result(self.project, "check-ignore", "--no-index", "-z", "--stdin", given=given)
        return parts(done.stdout)

    def apply(self, plan: Plan) -> None:
        """Change the project as planned, or nothing if something would be lost or cannot be written."""
        refuse_work(self.project)  # there may be some since the copy was made
        refuse_losses(self.project, plan.changed)
        kept = keep(self.project, plan.changed, self._directory / "kept")
        try:
            # The index comes first: if another program of git has locked it, nothing has changed yet.
            self._mark(plan.conflicts)
            self._write(plan.changed)
        except BaseException as error:
            put_back(self.project, plan, kept)
            if isinstance(error, Stop):
                raise Stop(f"{error}\nNothing was changed.") from error
            raise

    def _mark(self, conflicts: dict[str, Sides]) -> None:
        """Record the conflicts in the project's index."""
        top, prefix = root(self.project)
        entries = ""
        for path, sides in conflicts.items():
            for _, name, _ in sides:
                content = run(self.path, "cat-file", "blob", name)
                run(top, "hash-object", "-w", "--stdin", "--no-filters", given=content)
            lines = [f"0 {'0' * len(sides[0][1])}", *(f"{mode} {name} {stage}" for mode, name, stage in sides)]
            entries += "".join(f"{line}\t{prefix}{path}\0" for line in lines)
        if entries:
            run(top, "update-index", "-z", "--index-info", given=encoded(entries))

    def _write(self, changed: list[Change]) -> None:
        top, prefix = root(self.project)
        variables = {
            "GIT_INDEX_FILE": str(self._directory / "written"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.path / ".git" / "objects"),
        }
        written = [change for change in changed if change.mode != GONE]
        entries = "".join(f"{change.mode} {change.name}\t{prefix}{change.path}\0" for change in written)
        run(top, "update-index", "-z", "--index-info", given=encoded(entries), variables=variables)
        for change in changed:
            if change.mode == GONE:
                remove(self.project, change.path)
        if written:  # git writes them, with the line endings that the owner's settings ask for
            run(top, "checkout-index", "--all", "--force", variables=variables)


@contextmanager
def copied(project: Path) -> Iterator[Copy]:
    """Yield a copy of a project that is committed."""
    try:
        git(project, "rev-parse", "--show-toplevel")
    except Stop as stop:
        if "not a git repository" not in str(stop):
            raise
        message = (
            f"{project} is not in a git repository. Commit it first, so that you can review the update:\n"
            f'  git init && git add --all && git commit --message "Before the update"'
        )
        raise Stop(message) from None
    if not git(project, "ls-files", "--", "."):
        raise Stop(f"{project} is not committed, perhaps because git ignores it. Commit it, then update.")
    refuse_work(project)
    with tempfile.TemporaryDirectory(prefix="groundplan-", ignore_cleanup_errors=True) as directory:
        yield Copy(project, Path(directory).resolve())


# Files in the git directory while a command waits for the user.
WAITING = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


def refuse_work(project: Path) -> None:
    """Stop if something is not committed, or git is in the middle of something."""
    directory = Path(git(project, "rev-parse", "--absolute-git-dir"))
    if is_there(lock := directory / "index.lock"):
        raise Stop(
            f"Another git command is running in {project}, or one has crashed. Wait until it has ended, then update.\n"
            f"If none is running: rm {shlex.quote(str(lock))}"
        )
    if begun := [kind for name, kind in WAITING.items() if is_there(directory / name)]:
        raise Stop(f"A {begun[0]} is in progress in {project}. Finish or abort it (git status says how), then update.")
    if files := [line[3:] for line in changes(project)]:
        raise Stop(
            f"{project} has changes that are not committed:\n{_listed(files)}\n"
            "Commit or stash them (git stash --include-untracked), then update."
        )


def refuse_losses(project: Path, changed: list[Change]) -> None:
    """Stop if the update would write or delete what git does not hold in exactly this form."""
    hidden = {
        line[2:]
        for line in parts(run(project, "ls-files", "-v", "-z", "--", "."))
        if line[0] == "S" or line[0].islower()  # skip-worktree and assume-unchanged
    }
    tracked = [change for change in changed if change.old_mode != GONE and is_there(project / change.path)]
    held = names(project, tracked)
    lost = []
    for change in changed:
        place = project / change.path
        if change.path in hidden:
            lost.append(f"{change.path}: git ignores changes to it (see git update-index, git sparse-checkout)")
        elif any(parent.is_symlink() or parent.is_file() for parent in between(project, place)):
            lost.append(f"{change.path}: its directory is a file or a link")
        elif any(is_there(parent / ".git") for parent in between(project, place)):
            lost.append(f"{change.path}: its directory is another repository")
        elif change.old_mode == GONE and is_there(place):
            lost.append(f"{change.path}: the template adds this file, and yours is not in git")
        elif change.old_mode != GONE and is_there(place) and held[change.path] != change.old_name:
            lost.append(f"{change.path}: it differs from the version in git")
    if lost:
        raise Stop(
            f"Nothing was changed, because the update cannot write or delete these files safely:\n{_listed(lost)}\n"
            "Commit them, move them elsewhere, or restore the template's version, then update."
        )


def _listed(lines: list[str]) -> str:
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join(f"  {line}" for line in [*lines[:SHOWN], *more])


def names(project: Path, tracked: list[Change]) -> dict[str, str]:
    """Return the name that git would give to the content of each file, by path; "" for anything but a file."""
    found = {change.path: "" for change in tracked}
    files = [path for path in found if (project / path).is_file() and not (project / path).is_symlink()]
    if files:  # this command takes paths from the top
        top, prefix = root(project)
        given = encoded("".join(f"{prefix}{path}\n" for path in files))
        output = run(top, "hash-object", "--stdin-paths", given=given)
        found |= dict(zip(files, output.decode().split(), strict=True))
    return found


def root(project: Path) -> tuple[Path, str]:
    """Return the top of the project's repository, and the project's place in it."""
    return Path(git(project, "rev-parse", "--show-toplevel")), git(project, "rev-parse", "--show-prefix")


def between(project: Path, place: Path) -> list[Path]:
    """Return the directories of a file below the project."""
    return [parent for parent in place.parents if parent.is_relative_to(project) and parent != project]


def is_there(place: Path) -> bool:
    """Return whether a path exists, even as a broken link."""
    return os.path.lexists(place)


def remove(project: Path, path: str) -> None:
    """Remove a file, and the directories that are empty without it."""
    place = project / path
    place.unlink(missing_ok=True)
    for directory in between(project, place):
        try:
            directory.rmdir()
        except OSError:
            break


def keep(project: Path, changed: list[Change], directory: Path) -> dict[str, Path]:
    """Copy the files that the update writes or deletes, and return the copies by path."""
    directory.mkdir()
    copies: dict[str, Path] = {}
    for change in changed:
        if is_there(project / change.path):
            copies[change.path] = directory / str(len(copies))
            shutil.copy2(project / change.path, copies[change.path])
    return copies


def put_back(project: Path, plan: Plan, kept: dict[str, Path]) -> None:
    """Undo what `apply` has changed, without help from git, which may be why it failed."""
    failed = []
    for change in sorted(plan.changed, key=lambda change: change.path in kept):  # new files first, for the space
        place, copy = project / change.path, kept.get(change.path)
        try:
            if copy is None and is_there(place):
                remove(project, change.path)
            elif copy and not is_same(place, copy):
                place.unlink(missing_ok=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(copy, place)
        except OSError as error:
            failed.append(f"{change.path}: {error.strerror}")
    if plan.conflicts:
        paths = encoded("".join(f"{path}\0" for path in plan.conflicts))
        given = ["--pathspec-from-file=-", "--pathspec-file-nul"]
        literal = {"GIT_LITERAL_PATHSPECS": "1"}
        run(project, "reset", "--quiet", *given, check=False, given=paths, variables=literal)
    if failed:
        raise Stop(
            f"The update failed, and these files could not be put back:\n{_listed(failed)}\n"
            "They are in git. Once they can be written: git restore --source=HEAD --staged --worktree ."
        )


def is_same(place: Path, copy: Path) -> bool:
    """Return whether a file has the content and mode of its copy."""
    return is_there(place) and place.lstat().st_mode == copy.stat().st_mode and filecmp.cmp(place, copy, shallow=False)


def encoded(text: str) -> bytes:
    """Return paths as the file system has them."""
    return text.encode(errors="surrogateescape")
