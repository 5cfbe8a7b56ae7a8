"""The command line: parses arguments and prints results. All rules are in the template."""

import contextlib
import gc
import json
import math
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from groundplan.errors import ExitCode, Stop
from groundplan.git import check_version, forget_hook
from groundplan.project import check_directory

# The keys that `decide --format json` prints. They are an interface; the recorded decision may have more.
DECISION_KEYS = (
    "recommended",
    "scores",
    "certainty",
    "close",
    "reasons",
    "flips",
    "alternative",
    "advice",
    "third_ways",
    "cost_of_change",
    "know_before",
    "contradictions",
)

# The commands that follow an update, in the directory of the project.
REVIEW = "git add --all . && git diff --staged"
CHECK = "uv sync && uv run poe check"
COMMIT = 'git commit --message "Update from the template"'
UNDO = "git restore --source=HEAD --staged --worktree . && git clean -d --force ."
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done · 1 error · 2 wrong usage · 3 neither framework fits, nothing was written · "
    "4 an update left conflicts, or would · 5 the project is behind its template · 130, 143 interrupted",
)


class Format(StrEnum):
    """Output formats."""

    text = "text"
    json = "json"


class DecisionFormat(StrEnum):
    """Output formats of a decision."""

    text = "text"
    json = "json"
    markdown = "markdown"


Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Start with the answers of a preset.", show_default=False)
]
Data = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Answer one question. Can be repeated.", show_default=False),
]
Answers = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Read answers from a YAML file.", show_default=False)
]
TemplateOption = Annotated[
    str | None,
    typer.Option("--template", metavar="SRC", help="Use this git URL or clone of the template."),
]


def _not_empty(ref: str | None) -> str | None:
    if ref == "":  # --ref "$REF" in a script, with REF unset
        raise typer.BadParameter("must not be empty")
    return ref


Ref = Annotated[
    str | None,
    typer.Option(
        metavar="REF",
        help="A tag, branch or commit of the template. Default: the newest tag, or HEAD.",
        callback=_not_empty,
    ),
]


def _directory(text: str) -> Path:
    if not text:  # "$DIR" in a script, with DIR unset
        raise typer.BadParameter("must not be empty")
    return Path(text)


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
    """Choose between Django and FastAPI, and create a service that receives template updates."""


@app.command()
def new(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="The directory of the new project.", parser=_directory)],
    framework: Annotated[
        str | None, typer.Option(metavar="NAME", help="Short for --data framework=NAME.", show_default=False)
    ] = None,
    preset: Preset = None,
    data: Data = None,
    answers: Answers = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing, and use defaults.")] = False,
    template: TemplateOption = None,
    ref: Ref = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Write into a directory that is not empty, and overwrite files."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not print the next steps.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print the name of each file.")] = False,
) -> None:
    """Ask what the service must do, recommend a framework, and create the project."""
    from groundplan.answers import collect
    from groundplan.project import check_destination, in_repository, is_empty, located, staged, uninterrupted
    from groundplan.template import CREDENTIALS, fetched, recorded

    dest = located(dest)
    check_destination(dest, overwrite=overwrite)
    with contextlib.ExitStack() as end:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_or("Nothing was written."))
            source = _source(template, ref)
            if source.settings:
                err.print(f"The project will record {source.location}, without the secret. For updates: {CREDENTIALS}")
            fetched_template = stack.enter_context(fetched(source))
            given = collect(fetched_template, preset=preset, file=answers, data=data or (), framework=framework)
            if sys.stdin.isatty() and not defaults:
                from groundplan.asking import Interview, kept

                interview = Interview(fetched_template, given, str(_shown(dest)), dest.name)
                options = _options(template=template and source.location, ref=ref, overwrite=overwrite)
                stack.enter_context(kept(interview, dest, options))
                given, defaults = interview.run(), True
            staging = stack.enter_context(staged(dest))
            with err.status("Writing the project"):
                outcome = fetched_template.render(given, staging, defaults=defaults)
            farewell = outcome.farewell(in_repository=in_repository(dest))
            if is_empty(staging):
                raise Stop(farewell, ExitCode.NEITHER)
            files = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
            end.enter_context(uninterrupted())
        if verbose:
            out.print("\n".join(f"  {file}" for file in files))
        if quiet:
            return
        out.print(f"Wrote {len(files)} files to {_shown(dest)}, from template version {recorded(dest)['_commit']}.")
        out.print(farewell)
        if shutil.which("uv") is None:
            out.print("\nThese commands need uv: https://docs.astral.sh/uv/getting-started/installation/")


@app.command()
def questions(
    preset: Preset = None,
    data: Data = None,
    answers: Answers = None,
    output: Annotated[Format, typer.Option("--format")] = Format.text,
    template: TemplateOption = None,
    ref: Ref = None,
) -> None:
    """List the questions with their texts, values and defaults, as an answers file to edit.

    Only the answers that you give are active. The others are commented out, because they depend on yours.
    """
    import yaml

    from groundplan.answers import collect
    from groundplan.template import fetched

    with fetched(_source(template, ref), to_render=False) as fetched_template:
        given = collect(fetched_template, preset=preset, file=answers, data=data or ())
        outcome = fetched_template.decide(given)
        facts = [outcome.facts(name) for name in fetched_template.questions]
    if output is Format.json:
        _print_json(facts)
        return
    for fact in facts:
        lines = [*fact["text"].splitlines(), *(f"  {value}: {text}" for value, text in fact["choices"].items())]
        if not fact["asked"]:
            lines.append("Not asked with these answers.")
        answer = (
            yaml.safe_dump(fact["answer"], allow_unicode=True, default_flow_style=True).removesuffix("...\n").strip()
        )
        out.print("\n".join(f"# {line}".rstrip() for line in lines))
        mark = "" if fact["id"] in given else "# "
        out.print(f"{mark}{fact['id']}: {answer}\n")


@app.command()
def decide(
    preset: Preset = None,
    data: Data = None,
    answers: Answers = None,
    output: Annotated[DecisionFormat, typer.Option("--format")] = DecisionFormat.text,
    template: TemplateOption = None,
    ref: Ref = None,
) -> None:
    """Recommend a framework, without asking or writing anything; `--format markdown` gives all reasons.

    Unanswered questions take their defaults.
    """
    from groundplan.answers import collect
    from groundplan.template import fetched

    with fetched(_source(template, ref), to_render=False) as fetched_template:
        given = collect(fetched_template, preset=preset, file=answers, data=data or ())
        outcome = fetched_template.decide(given)
        fetched_template.check_asked(given, outcome)
        if not given:
            first = next(iter(fetched_template.questions))
            assumed = f"{first}={outcome.answers[first]}"
            err.print(f"No answers were given, so this assumes {assumed}. Give others with --preset or --data.")
        if output is DecisionFormat.json:
            _print_json({key: outcome.decision[key] for key in DECISION_KEYS if key in outcome.decision})
        else:
            out.print(outcome.describe(output is DecisionFormat.markdown))


@app.command()
def update(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="The project's directory.")] = Path(),
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Change an answer. Can be repeated.", show_default=False),
    ] = None,
    ref: Ref = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing the project.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing. The exit code is the same.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="With json, nothing is asked.")] = Format.text,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only questions, conflicts and errors.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print the whole changelog.")] = False,
) -> None:
    """Apply template updates to a project. Its answers change only with `--data`, and its framework never.

    Shows the changes and, in a terminal, asks before applying them.
    """
    from groundplan.answers import collect
    from groundplan.preview import LINES, changelog, files
    from groundplan.project import located, uninterrupted
    from groundplan.template import prepared, recorded

    dest = located(dest)
    project = recorded(dest)
    before = project["_commit"]
    _warn_of_secret(dest)
    is_json = output is Format.json
    quiet |= is_json
    present = sys.stdin.isatty() and sys.stdout.isatty() and not is_json
    answers = partial(collect, data=data or ())
    with contextlib.ExitStack() as stack:
        stack.enter_context(_or("Nothing was changed."))
        if present:  # a spinner would overwrite a question
            from groundplan.asking import ask_new

            err.print("Preparing the update; this takes a few seconds.")
            ready = stack.enter_context(prepared(dest, ref, ask=ask_new, answers=answers))
        else:
            with err.status("Preparing the update"):
                ready = stack.enter_context(prepared(dest, ref, ask=None, answers=answers))
        facts = {"framework": project.get("framework"), "template": project["_src_path"]}
        if ready is None:
            if is_json:
                _print_json(_facts_of_update(before, before, [], {}, applied=False) | facts)
            if not quiet:
                out.print(f"{dest} is up to date with its template ({before}).")
            return
        asks = present and not yes and not dry_run
        if asks or (dry_run and not is_json) or not quiet:
            out.print(f"Update of {dest} from {ready.before} to {ready.after}")
            if news := changelog(ready.news, ready.source, math.inf if verbose else LINES):
                out.print(news)
            out.print(f"\nFiles\n{files(ready.plan.files())}\n")
        facts = _facts_of_update(ready.before, ready.after, ready.plan.files(), ready.news, applied=not dry_run) | facts
        if dry_run:
            if is_json:
                _print_json(facts)
            else:
                out.print("Nothing was changed, because of --dry-run.")
            if ready.plan.conflicts:
                raise typer.Exit(ExitCode.CONFLICTS)
            return
        if asks and not _confirmed("Apply this update?"):
            raise Stop("Nothing was changed.")
        ignored = shlex.join(ready.ignored)
        with uninterrupted():
            ready.apply()
    if is_json:
        _print_json(facts)
    review = REVIEW.replace(" && ", f" && git add --force {ignored} && ") if ignored else REVIEW
    undo = f"{UNDO} && git clean -d --force -x {ignored}" if ignored else UNDO
    undo = f"To undo the update, before any other work:{_commands(dest, undo)}"
    if conflicts := ready.plan.conflicts:
        listed = "\n".join(f"  {file}" for file in conflicts)
        raise Stop(
            f"Updated, but these files have conflicts:\n{listed}\n"
            "Where a file has markers (<<<<<<<), choose between your lines and the template's. A\n"
            "file without markers is your version. Keep it, or take the template's: if the\n"
            "template deleted the file, git rm FILE; if not, git checkout --theirs FILE.\n"
            f"Then:{_commands(dest, review, CHECK, COMMIT)}\n{undo}",
            ExitCode.CONFLICTS,
        )
    if not quiet:
        out.print(f"Updated. Review it, run the checks, and commit:{_commands(dest, review, CHECK, COMMIT)}\n{undo}")


def _facts_of_update(
    before: str, after: str, files: list[tuple[str, str]], news: dict[str, list[str]], *, applied: bool
) -> dict[str, Any]:
    """Return what `update --format json` prints about an update, beside the facts that `check` prints."""
    return {
        "behind": bool(files) and not applied,
        "current": after if applied else before,
        "latest": after,
        "applied": applied,
        "files": [{"path": path, "effect": effect} for effect, path in files],
        "conflicts": [path for effect, path in files if effect == "conflict"],
        "changelog": news,
    }


def _commands(directory: Path, *lines: str) -> str:
    inside = [] if directory == Path.cwd() else [f"cd {shlex.quote(str(directory))}"]
    return "".join(f"\n    {line}" for line in [*inside, *lines])


def _warn_of_secret(project: Path) -> None:
    from groundplan.template import ANSWERS_FILE, CREDENTIALS, holds_secret

    if holds_secret(project):
        err.print(
            f"_src_path in {ANSWERS_FILE} contains credentials: revoke them. The next update removes them from the "
            f"file. {CREDENTIALS}"
        )


@contextlib.contextmanager
def _or(nothing: str) -> Iterator[None]:
    """Say that nothing was changed or written if Ctrl+C ends the block."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stop(f"\n{nothing}", 128 + signal.SIGINT) from error


def _confirmed(question: str) -> bool:
    from groundplan.asking import forget_typed

    forget_typed()
    try:
        return typer.confirm(question, default=True)
    except typer.Abort as error:  # Ctrl+C, or the end of the input
        err.print("\nNothing was changed.")
        raise typer.Exit(130) from error


@app.command()
def check(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="The project's directory.")] = Path(),
    output: Annotated[Format, typer.Option("--format")] = Format.text,
) -> None:
    """Check whether a project is behind its template."""
    from groundplan.project import located
    from groundplan.template import behind, recorded

    dest = located(dest)
    project = recorded(dest)
    _warn_of_secret(dest)
    with err.status("Checking the template"):
        is_behind, latest = behind(dest)
    if output is Format.json:
        facts = {"framework": project.get("framework"), "template": project["_src_path"]}
        _print_json({"behind": is_behind, "current": project["_commit"], "latest": latest, **facts})
    elif is_behind:
        out.print(
            f"{dest} is at {project['_commit']}, and its template is at {latest}.\n"
            f"Run: groundplan update {shlex.quote(str(dest))}"
        )
    else:
        out.print(f"{dest} is up to date with its template ({project['_commit']}).")
    if is_behind:
        raise typer.Exit(ExitCode.BEHIND)


@app.command()
def presets(template: TemplateOption = None, ref: Ref = None) -> None:
    """List the presets with their answers."""
    from rich.table import Column, Table

    from groundplan.template import fetched

    table = Table(Column("preset", no_wrap=True), Column("example", overflow="fold"), box=None, padding=(0, 2, 0, 0))
    with fetched(_source(template, ref), to_render=False) as fetched_template:
        for name, preset in fetched_template.presets.items():
            answers = "\n".join(f"  {key}: {str(value).lower()}" for key, value in preset.answers.items())
            table.add_row(name, f"{preset.summary}\n{answers}")
    out.print(table)


def _source(template: str | None, ref: str | None) -> Any:
    from groundplan.template import resolve  # importing Copier takes a third of a second; --help should not wait for it

    with err.status("Fetching the template"):
        return resolve(template, ref)


def _shown(path: Path) -> Path:
    """Return a path as people type it: relative, if it is in the current directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _options(**options: str | bool | None) -> list[str]:
    """Return options as they are typed, without those that have no value."""
    given = {f"--{name}": value for name, value in options.items() if value}
    return [part for name, value in given.items() for part in ([name] if value is True else [name, str(value)])]


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    """Run the command and exit with one of `ExitCode`."""
    gc.set_threshold(100_000)  # a command ends soon; without this, it would collect garbage for a tenth of its time
    for name in ("SIGTERM", "SIGHUP"):  # so that cleanup runs; Windows has no SIGHUP
        if number := getattr(signal, name, None):
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    for name in ("stdin", "stdout", "stderr"):  # a program may start this one with closed streams
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):  # escape characters that the terminal cannot show
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        check_directory()
        check_version()
        forget_hook()
        app()
    except Stop as stop:
        print(stop, file=sys.stderr)  # noqa: T201
        sys.exit(stop.code)
    except OSError as error:
        reason = f"{error.strerror}." if error.strerror else str(error)
        print(f"{error.filename}: {reason}" if error.filename else reason, file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.ERROR)
    except Exception as error:
        if os.environ.get("GROUNDPLAN_DEBUG"):
            raise
        print(f"Unexpected {type(error).__name__}: {error}. Set GROUNDPLAN_DEBUG=1 for a traceback.", file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.ERROR)
