"""The projects that are measured: rendered or given, set up, and extended by an endpoint without a database."""

import argparse
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks import FailedError, say
from tests.projects import set_up_alone
from tests.tools import FRAMEWORKS, ROOT, render_anew

HERE = Path(__file__).parent
SECRET_KEY = "a-benchmark-has-no-secrets-0123456789-abcdefghijklmnopqrstuvwxyz"  # noqa: S105


@dataclass(frozen=True)
class Subject:
    """A rendered project, set up, with the endpoint that has no database."""

    framework: str
    server: str | None  # where there is a choice
    path: Path
    package: str
    environment: Path
    table: str

    def python(self, *arguments: str, given: str = "", **variables: str) -> str:
        """Runs Python in the project, and returns what it prints."""
        command: list[str | Path] = [self.environment / "bin" / "python", *arguments]
        done = subprocess.run(
            command, cwd=self.path, env=variables, input=given, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FailedError(f"{shlex.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def subjects(options: argparse.Namespace, scratch: Path) -> Iterator[Subject]:
    """The projects to measure, one after the other."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    if options.project:
        for number, project in enumerate(options.project):
            yield prepare(project.resolve(), scratch / f"project-{number}")
        return
    for framework in FRAMEWORKS:
        if framework in (options.framework or FRAMEWORKS):
            say(f"{framework}: rendering the working tree")
            # Only what every project has. FastAPI's has no accounts either: see `render_anew`.
            answers = {"pages": False, "login": "none"} if framework == "django" else {}
            project = render_anew(ROOT, scratch / "rendered" / framework, framework=framework, **answers)
            set_up_alone(project)
            yield prepare(project, scratch / framework)


def prepare(project: Path, copy: Path) -> Subject:
    """Copies a project that is set up, and adds the endpoint that has no database as an owner would."""
    answers = project / ".copier-answers.yml"
    environment = project / ".venv"
    if not answers.exists() or not environment.exists():
        raise FailedError(f"{project} is not a rendered project that `uv sync` has set up.")
    recorded = yaml.safe_load(answers.read_text(encoding="utf-8"))
    framework, package = recorded["built"]["framework"], recorded["built"]["slug"]
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".env", "*.sqlite3")
    shutil.copytree(project, copy, ignore=ignored)
    shutil.copyfile(HERE / "overlay" / f"{framework}.py", copy / package / "bench.py")
    routers, line = {
        "django": ("api.py", 'api.add_router("/bench", bench)'),
        "fastapi": ("main.py", "app.include_router(bench)"),
    }[framework]
    with (copy / package / routers).open("a", encoding="utf-8") as file:
        file.write(f"\nfrom .bench import router as bench\n\n{line}\n")
    table = "items_item" if framework == "django" else "items"
    return Subject(framework, recorded.get("server"), copy, package, environment.resolve(), table)
