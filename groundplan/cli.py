"""The command line. It parses, prints and ends; every rule is the template's."""

import json
import os
import shlex
import shutil
import signal
import sys
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from groundplan.errors import ExitCode, Stop

# What `decide --format json` prints: an interface, while the recorded decision may hold more.
DECISION_KEYS = ("recommended", "scores", "close", "reasons", "flips", "alternative", "know_before")

out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done · 1 an error · 2 wrong usage · 3 neither framework fits, nothing was written · "
    "4 an update left conflicts · 5 the project is behind its template · 130, 143 interrupted",
)


class Framework(StrEnum):
    """What a user may insist on."""

    django = "django"
    fastapi = "fastapi"


class Format(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"


class DecisionFormat(StrEnum):
    """How a decision is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


Preset = Annotated[str | None, typer.Option(help="Start from the answers of a preset.", show_default=False)]
Data = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="Answer one question; repeatable.", show_default=False)
]
Answers = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Take answers from a YAML file.", show_default=False)
]
TemplateOption = Annotated[
    str | None,
    typer.Option(
        "--template", metavar="SRC", help="A git URL or a clone of the template, instead of the installed one."
    ),
]
Ref = Annotated[
    str | None, typer.Option(help="A tag, branch or commit of the template; by default its newest tag, or HEAD.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(metadata.version("groundplan"))
        raise typer.Exit


@app.callback()
def groundplan(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Chooses between Django and FastAPI with you, and starts a service that can be updated for ever."""


@app.command()
def new(
    dest: Annotated[Path, typer.Argument(help="Where the project goes.")],
    framework: Annotated[Framework | None, typer.Option(help="Insist on a framework.", show_default=False)] = None,
    preset: Preset = None,
    data: Data = None,
    answers: Answers = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing: take the default of the rest.")] = False,
    template: TemplateOption = None,
    ref: Ref = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Write into a directory that is not empty, over files of the same names."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not say what comes next.")] = False,
) -> None:
    """Ask what the service must do, recommend a framework, and write the project."""
    from groundplan.answers import collect
    from groundplan.project import check_destination, staged
    from groundplan.template import fetched, recorded

    dest = dest.resolve()
    check_destination(dest, overwrite=overwrite)
    source = _source(template, ref)
    with staged(dest) as staging, fetched(source, staging) as fetched_template:
        given = collect(fetched_template, preset=preset, file=answers, data=data or (), framework=framework)
        result = fetched_template.render(given, defaults=defaults)
        farewell = fetched_template.farewell
    if result["framework"] == "neither":
        raise Stop(farewell, ExitCode.NEITHER)
    if quiet:
        return
    out.print(f"Written to {dest}, from version {recorded(dest)['_commit']} of the template.")
    out.print(farewell)


@app.command()
def decide(
    preset: Preset = None,
    data: Data = None,
    answers: Answers = None,
    output: Annotated[DecisionFormat, typer.Option("--format")] = DecisionFormat.text,
    template: TemplateOption = None,
    ref: Ref = None,
) -> None:
    """Recommend a framework and give every reason, without asking or writing anything.

    Questions that are not answered take the default that the product suggests.
    """
    from groundplan.answers import collect
    from groundplan.template import fetched

    with fetched(_source(template, ref)) as fetched_template:
        given = collect(fetched_template, preset=preset, file=answers, data=data or ())
        decision = fetched_template.decide(given)
        if output is DecisionFormat.json:
            _print_json({key: decision[key] for key in DECISION_KEYS})
        else:
            out.print(fetched_template.describe(output is DecisionFormat.markdown))


@app.command()
def update(
    dest: Annotated[Path, typer.Argument(help="The project.")] = Path(),
    ref: Ref = None,
) -> None:
    """Bring the template's improvements into a project; its framework and its answers stay."""
    from groundplan.project import changes, conflicts, restored_on_failure
    from groundplan.template import recorded, update

    dest = dest.resolve()
    before = str(recorded(dest)["_commit"])
    with restored_on_failure(dest):
        ask = sys.stdin.isatty()
        if ask:  # a spinner would write over a question
            err.print("Updating: the template is rendered three times, which takes some seconds.")
            after = update(dest, ref, ask=True)
        else:
            with err.status("Updating"):
                after = update(dest, ref, ask=False)
    if after == before:
        out.print(f"{dest} is up to date with its template ({before}).")
        return
    out.print(f"Updated {dest} from {before} to {after}. Review with `git diff`, run its tests, commit.")
    for line in changes(dest):
        out.print(f"  {line}")
    if files := conflicts(dest):
        lines = "\n".join(f"  {file}" for file in files)
        raise Stop(f"Your changes and the template's meet in:\n{lines}\nMend them, then commit.", ExitCode.CONFLICTS)


@app.command()
def check(
    dest: Annotated[Path, typer.Argument(help="The project.")] = Path(),
    output: Annotated[Format, typer.Option("--format")] = Format.text,
) -> None:
    """Say whether a project is behind its template."""
    from groundplan.template import behind, recorded

    dest = dest.resolve()
    project = recorded(dest)
    with err.status("Looking at the template"):
        is_behind, latest = behind(dest)
    if output is Format.json:
        facts = {"framework": project.get("framework"), "template": project["_src_path"]}
        _print_json({"behind": is_behind, "current": project["_commit"], "latest": latest, **facts})
    elif is_behind:
        out.print(
            f"{dest} is at {project['_commit']}; its template is at {latest}. "
            f"Run: groundplan update {shlex.quote(str(dest))}"
        )
    else:
        out.print(f"{dest} is up to date with its template ({project['_commit']}).")
    if is_behind:
        raise typer.Exit(ExitCode.BEHIND)


@app.command()
def presets(template: TemplateOption = None, ref: Ref = None) -> None:
    """List the presets: what each is an example of, and its answers."""
    from groundplan.template import fetched

    table = Table("preset", "example", box=None, padding=(0, 2, 0, 0))
    with fetched(_source(template, ref)) as fetched_template:
        for name, preset in fetched_template.presets.items():
            answers = "\n".join(f"  {key}: {str(value).lower()}" for key, value in preset.answers.items())
            table.add_row(name, f"{preset.summary}\n{answers}")
    out.print(table)


def _source(template: str | None, ref: str | None) -> Any:
    from groundplan.template import resolve  # Copier takes a third of a second to import; --help should not

    with err.status("Fetching the template"):
        return resolve(template, ref)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    """Runs the command and exits with one of `ExitCode`."""
    for name in ("SIGTERM", "SIGHUP"):  # so that clean-up runs; Windows has no SIGHUP
        if number := getattr(signal, name, None):
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows its number
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if shutil.which("git") is None:
            raise Stop("Groundplan needs git, which is not on PATH.")
        app()
    except Stop as stop:
        print(stop, file=sys.stderr)  # noqa: T201
        sys.exit(stop.code)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.ERROR)
    except Exception as error:
        if os.environ.get("GROUNDPLAN_DEBUG"):
            raise
        print(f"Unexpected {type(error).__name__}: {error}. GROUNDPLAN_DEBUG=1 shows where.", file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.ERROR)
