"""Compare the projects that two versions of the template render from the same answers.

    uv run python scripts/compare.py v1.2.0          # with the working tree
    uv run python scripts/compare.py v1.2.0 v1.3.0
    uv run python scripts/compare.py --stat v1.2.0   # names of files only
    uv run python scripts/compare.py --except uv.lock --except 'docs/*' v1.2.0

Each row of the test matrix (tests/matrix.py) is one project. Prints each difference once, with the rows that have it.
An answer to a question that the old version does not ask is left out there. Exit code 1 if there are differences,
except in files whose path matches an --except pattern.
"""

import argparse
import concurrent.futures
import difflib
import fnmatch
import itertools
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.matrix import Row, model, title
from tests.tools import ROOT, copy_version, copy_working_tree, questionnaire, render_anew, rendered


def main() -> int:
    """Print the differences, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="a commit")
    parser.add_argument("new", nargs="?", help="another one; without it, the working tree")
    parser.add_argument("--stat", action="store_true", help="names of files only")
    parser.add_argument("--except", action="append", default=[], dest="ignored", metavar="PATTERN")
    parser.add_argument(
        "--rows", default="*", metavar="PATTERN", help="only the rows whose name matches, e.g. 'django-*'"
    )
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        old, new = Path(directory) / "old", Path(directory) / "new"
        version(options.old, old)
        version(options.new, new)
        rows = [row for row in model(new).rows() if fnmatch.fnmatch(title(row), options.rows)]
        if not rows:
            raise SystemExit(f"No row has a name like {options.rows}: see python -m tests.matrix")
        with concurrent.futures.ProcessPoolExecutor() as pool:
            compared = list(pool.map(differences, itertools.repeat(old), itertools.repeat(new), rows))

    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    count = 0  # of the rows that both versions render
    for row, differing in zip(rows, compared, strict=True):
        if differing is None:
            print(f"Only the new version renders {title(row)}", file=sys.stderr)
            continue
        count += 1
        for path, text in differing.items():
            # The name of an executable file ends in `*` here.
            if not any(fnmatch.fnmatch(path.removesuffix("*"), pattern) for pattern in options.ignored):
                found[path, "" if options.stat else text].append(title(row))
    for (path, text), names in sorted(found.items()):
        print(f"{path}: {'all' if len(names) == count else len(names)} of {count} rows")
        if len(names) < count:
            print(*(f"  {name}" for name in names), sep="\n")
        if text:
            print(text)
    print(f"{len({path for path, _ in found})} files differ in {count} rows.")
    return 1 if found else 0


def version(commit: str | None, place: Path) -> None:
    """Copy the files of a commit, or of the working tree."""
    if commit is None:
        copy_working_tree(place)
        return
    found = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, text=True
    )
    if found.returncode:
        raise SystemExit(f"There is no commit {commit} in this repository.")
    copy_version(found.stdout.strip(), place)


def differences(old: Path, new: Path, row: Row) -> dict[str, str] | None:
    """The difference of each file that differs, or None if the old version cannot render the row."""
    known = {name: answer for name, answer in row.items() if name in questionnaire(old)}
    with tempfile.TemporaryDirectory() as directory:
        try:
            before = rendered(render_anew(old, Path(directory) / "old", **known))
        except ValueError:  # Copier's, for an answer that a question refuses
            return None
        after = rendered(render_anew(new, Path(directory) / "new", **row))
    return {
        path: unified(path, before.get(path), after.get(path))
        for path in before | after
        if before.get(path) != after.get(path)
    }


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """The difference of a file, which may be missing before or after."""
    old, new = ((text or b"").decode(errors="replace").splitlines(keepends=True) for text in (before, after))
    names = ("/dev/null" if before is None else f"old/{path}", "/dev/null" if after is None else f"new/{path}")
    return "".join(difflib.unified_diff(old, new, *names)) or "  (empty)"


if __name__ == "__main__":
    sys.exit(main())
