"""Renews what depends on the packages that exist today: the projects' lock files and the reserved names.

    uv run python scripts/lock.py           # newest versions that the ranges in pyproject.toml.jinja allow
    uv run python scripts/lock.py --keep    # only what a changed pyproject.toml.jinja asks for
    uv run python scripts/lock.py --check   # changes nothing, fails where something is missing

The projects are rendered from the working tree, with default answers.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import copier
import yaml

from groundplan import interpreters

ROOT = Path(__file__).parents[1]
UV = str(Path(sys.executable).with_name("uv"))
RESERVED = ROOT / "extensions" / "reserved.yml"
# The answers on which a project's packages depend, and the template of its lock.
LOCKS = {
    "template_servers/gunicorn/uv.lock.jinja": {"framework": "django", "server": "gunicorn"},
    "template_servers/granian/uv.lock.jinja": {"framework": "django", "server": "granian"},
    "template_fastapi/uv.lock.jinja": {"framework": "fastapi"},
}

SLUG = "my_service"
ROOT_PACKAGE = 'name = "{}"\nversion = "0.1.0"\nsource = {{ virtual = "." }}'
PROJECT_NAME = '{{ slug | replace("_", "-") }}'
HOSTS = {"pypi.org", "files.pythonhosted.org"}

# Modules of Python 3.14 and 3.15, which this machine may not have.
LATER_MODULES = {"annotationlib", "compression", "profiling"}
# Names that projects like these give to folders and modules sooner or later.
USUAL_NAMES = {
    *("admin", "api", "app", "apps", "assets", "bin", "build", "config", "db", "deploy", "dist", "env", "lib"),
    *("locale", "logs", "media", "project", "scripts", "settings", "src", "static", "templates", "test", "tmp"),
    *("urls", "var", "venv"),
}
# A project's database and its user are called as its package is: these are PostgreSQL's own.
DATABASE_NAMES = {"postgres", "public", "template0", "template1"}

PRINT_PACKAGES = """
import importlib.metadata, json
distributions = importlib.metadata.packages_distributions()
print(json.dumps([*distributions, *sum(distributions.values(), [])]))
"""
PRINT_WORDS = """
import json, keyword, sys
print(json.dumps([*keyword.kwlist, *keyword.softkwlist, *sys.stdlib_module_names]))
"""

HEADER = "# Names that a project's package cannot have. Written by scripts/lock.py.\n"


def main() -> int:
    """Renews or checks everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--keep", action="store_true")
    mode.add_argument("--check", action="store_true")
    options = parser.parse_args()

    problems = []
    packages, files = set[str](), set[str]()
    with tempfile.TemporaryDirectory() as directory:
        for number, (name, answers) in enumerate(LOCKS.items()):
            project = Path(directory) / str(number)
            render(answers, project)
            template = ROOT / name
            lock = locked(project, upgrade=not (options.keep or options.check))
            if not options.check:
                template.write_text(lock)
            elif not template.exists() or template.read_text() != lock:
                problems.append(f"{name} does not fit its pyproject.toml.jinja")
            packages |= installed(project)
            files |= names_of_files(project)

    known = reserved()
    names = {
        "python": slugs(words()) | LATER_MODULES | known["python"],  # another machine may know more
        "packages": slugs(packages),
        "project": slugs(files | USUAL_NAMES | DATABASE_NAMES) - {SLUG},
    }
    if not options.check:
        RESERVED.write_text(HEADER + yaml.safe_dump({kind: sorted(names[kind]) for kind in names}, sort_keys=False))
    else:
        for kind in names:
            if missing := sorted(names[kind] - known[kind]):
                problems.append(f"{RESERVED.relative_to(ROOT)} lacks, under {kind}: {', '.join(missing)}")
    for problem in problems:
        print(f"{problem}; run: uv run python scripts/lock.py --keep", file=sys.stderr)
    return 1 if problems else 0


def render(answers: dict[str, str], project: Path) -> None:
    """Renders a project from the files as they are now, committed or not."""
    with tempfile.TemporaryDirectory() as directory:
        for source in (ROOT / "copier.yml", ROOT / "extensions", *ROOT.glob("template_*")):
            target = Path(directory) / source.name
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        data = answers | {"slug": SLUG}
        copier.run_copy(directory, project, data=data, defaults=True, quiet=True)


def locked(project: Path, *, upgrade: bool) -> str:
    """Locks a project and returns the lock file as a template."""
    run(project, UV, "lock", "--quiet", *(["--upgrade"] if upgrade else []))
    lock = (project / "uv.lock").read_text()
    if strangers := set(re.findall(r'"\w+://([^/"]*)', lock)) - HOSTS:
        raise SystemExit(f"The lock file would name {', '.join(strangers)}: lock without indexes of your own.")
    if re.search(r"{[{%#]", lock):
        raise SystemExit("The lock file has what Jinja takes for its own: escape it here.")
    before, found, after = lock.partition(ROOT_PACKAGE.format(SLUG.replace("_", "-")))
    if not found:
        raise SystemExit("The lock file does not name the project itself in the way that it used to.")
    return before + ROOT_PACKAGE.format(PROJECT_NAME) + after


def installed(project: Path) -> set[str]:
    """Installs a project's packages and returns their names: those of distributions and those to import."""
    run(project, UV, "sync", "--quiet", "--locked")
    names = json.loads(run(project, ".venv/bin/python", "-c", PRINT_PACKAGES))
    return {re.sub(r"[-_.]+", "_", name).lower() for name in names}


def words() -> set[str]:
    """Returns the keywords and the modules of the Python that projects run on here."""
    return set(json.loads(run(ROOT, python(), "-c", PRINT_WORDS)))


def python() -> str:
    """Returns an interpreter for the projects."""
    if found := interpreters.find():
        return found
    raise SystemExit("The projects need a newer Python than this machine has.")


def names_of_files(project: Path) -> set[str]:
    """Returns the names of a project's own files and folders, at its top and in its package."""
    folders = (project, project / SLUG)
    return {path.name.partition(".")[0] for path in itertools.chain(*(folder.iterdir() for folder in folders))}


def reserved() -> dict[str, set[str]]:
    """Reads the names that are reserved so far."""
    text = yaml.safe_load(RESERVED.read_text()) if RESERVED.exists() else {}
    return {kind: set(text.get(kind, ())) for kind in ("python", "packages", "project")}


def slugs(names: Iterable[str]) -> set[str]:
    """Keeps the names that a slug could be."""
    lower = (name.lower() for name in names)
    return {name for name in lower if len(name) <= 40 and re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)}


def run(project: Path, *command: str) -> str:
    """Runs a command in a project, untouched by the environment that this script runs in."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | {"UV_PYTHON": python()}
    return subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
