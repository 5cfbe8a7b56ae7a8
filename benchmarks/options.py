"""Measures what each answer costs: the default project of a framework, next to the default with one other answer.

The answers are those of extensions/options.yml. If an answer needs others (starlette_admin needs jwt), these change as
well, and the table names them. Both projects are rendered from the working tree and run as in production, with one
worker, on one core; on the other cores are PostgreSQL and wrk, which loads the two in turn, round after round:

health    `/health/live`
list      fifty items and their total number
row       an item by its key
page      the page that lists items
create    an item from validated JSON, as a user who is logged in where the project has logins

Only what both projects have is measured. An answer that changes neither code nor packages has no figures. An answer
that needs another service than a database is measured if the environment has its variable, such as REDIS_URL. MariaDB
takes the place of MySQL, if it is installed.

The figures are CPU time per request, which other load on the machine hardly affects; the memory of all processes of the
server after the load, as Pss; CPU time of importing the application; and the time from start to the first response.
Ratios are taken round by round, and all figures are medians, with the least and the greatest. Traces are not exported.

It takes about a minute for each answer, so about half an hour. Needs Linux with two cores and wrk (Debian's
package `wrk`); PostgreSQL is the machine's, or comes with `uv sync`.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, say  # noqa: E402
from benchmarks.compare import variables  # noqa: E402
from benchmarks.database import ROWS, Database  # noqa: E402
from benchmarks.load import CONNECTIONS, load  # noqa: E402
from benchmarks.run import choose_cores, find_programs, processor  # noqa: E402
from benchmarks.servers import BARE, Server, command, serving  # noqa: E402
from benchmarks.subjects import Subject  # noqa: E402
from tests import mysql, postgres  # noqa: E402
from tests.matrix import Row, choices, described, facts_of, has, model  # noqa: E402
from tests.projects import set_up  # noqa: E402
from tests.tools import FRAMEWORKS, render_anew, tree  # noqa: E402

ROUNDS, SECONDS = 3, 1  # wrk takes whole seconds
SHORT_ROUNDS = 1
STARTS = 2
LOADS = {  # by name in load.lua: the heading, and a path that both projects must have
    "health": ("health", "/health/live"),
    "list": ("list of fifty", "/api/v1/items?limit=50"),
    "row": ("one row", "/api/v1/items/1"),
    "page": ("page", "/items/"),
    "create": ("create", "/api/v1/items"),
}
NAMES = {"django": "Django", "fastapi": "FastAPI"}
USER, PASSWORD = "bench@example.com", "a password of a benchmark"
Figures = dict[str, list[float]]


@dataclass(frozen=True)
class Answer:
    """An answer to a question about options, and the project with it."""

    question: str
    value: Any
    row: Row

    @property
    def name(self) -> str:
        """How --only and the table name it."""
        return f"{self.question}={text(self.value)}"


@dataclass
class Candidate:
    """A rendered project that can be served."""

    subject: Subject
    options: dict[str, dict[str, Any]]  # the facts about those that it has
    variables: dict[str, str]
    scratch: Path
    headers: dict[str, str] = field(default_factory=dict)  # of a user who is logged in

    def started(self, core: int) -> contextlib.AbstractContextManager[Server]:
        """The server until the end of the block."""
        metrics = self.scratch / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        environment = self.variables | {"PATH": f"{self.subject.environment / 'bin'}:{os.environ['PATH']}"}
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # as in the image
        name, log = f"The server of {self.scratch.name}", self.scratch / "log"
        arguments = command(self.subject, "full")
        return serving(name, arguments, self.subject.path, core, log, LOADS["health"][1], **environment)

    def imported(self) -> float:
        """Seconds of CPU that importing the application takes."""
        module = "wsgi" if self.subject.framework == "django" else "main"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.subject.python("-c", f"import {self.subject.package}.{module}", **self.variables)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measures what the arguments ask for; returns the exit code."""
    options = arguments()
    try:
        core = choose_cores()
        find_programs()
        earlier: dict[str, Any] = {}
        if options.json and options.json.exists() and options.framework:
            earlier = json.loads(options.json.read_text(encoding="utf-8"))["frameworks"]
        found: dict[str, Any] = {}
        for found in measure(options, core):
            found["frameworks"] = earlier | found["frameworks"]
            if options.json:
                options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except FailedError as error:
        print(f"benchmarks/options.py: {error}", file=sys.stderr)
        return 1
    print(tables(found))
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS, help="only this one; may be repeated")
    names = sorted({answer.name for framework in FRAMEWORKS for answer in answers(framework)})
    parser.add_argument(
        "--only", action="append", choices=names, metavar="QUESTION=ANSWER", help="only this answer; may be repeated"
    )
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    parser.add_argument("--rounds", type=int, help=f"of each request on each side; {ROUNDS}, short {SHORT_ROUNDS}")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the results there; with --framework, the results of the other one stay in it",
    )
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = SHORT_ROUNDS if options.short else ROUNDS
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: {options.json.parent} is not a directory")
    return options


def text(value: Any) -> str:
    """An answer as one word."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "+".join(value) or "none" if isinstance(value, list | tuple) else str(value)


def usual(framework: str) -> Row:
    """The answers of the default project; multiple choices are tuples."""
    return {name: value for name, value in model().usual(framework).items() if value is not None}


def answers(framework: str) -> Iterator[Answer]:
    """Each answer about options that the framework can have and that is not the default, with its project."""
    default, possible = usual(framework), model()
    for question in facts_of(ROOT)["options"]:
        asked = possible.asked[question]
        for choice in choices(asked) if question != "framework" else ():
            value = (choice,) if asked.get("multiselect") else choice
            if default.get(question) != value and possible.can_have(framework, question, choice):
                yield Answer(question, value, nearest(framework, question, value))


def nearest(framework: str, question: str, value: Any) -> Row:
    """The default answers with this one, and with as few others as it needs."""
    possible, default = model(), model().usual(framework)
    row: Row = {"framework": framework, question: value}
    for other in [name for name in possible.values if name not in row]:
        ordered = [default[other], *(each for each in possible.values[other] if each != default[other])]
        row[other] = next(each for each in ordered if possible.completes(row | {other: each}))
    return {name: each for name, each in row.items() if each is not None}


def measure(options: argparse.Namespace, core: int) -> Iterator[dict[str, Any]]:
    """Measures the answers; yields the results so far after each answer, as --json writes them."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name,
        postgres.start() as server,
    ):
        scratch = Path(name)
        os.environ["GROUNDPLAN_SHARED"] = str(scratch / "shared")  # environments with the same lock are made once
        for framework in FRAMEWORKS:
            wanted = [each for each in answers(framework) if each.name in (options.only or [each.name])]
            if framework in (options.framework or FRAMEWORKS) and wanted:
                for results in of_framework(framework, wanted, options.rounds, server, core, scratch):
                    found[framework] = results
                    yield {
                        "date": time.strftime("%Y-%m-%d", time.gmtime()),
                        "rounds": options.rounds,
                        "seconds": SECONDS,
                        "machine": {"processor": processor(), "cores": os.cpu_count()},
                        "frameworks": found,
                    }


def of_framework(
    framework: str, wanted: list[Answer], rounds: int, server: postgres.Server, core: int, scratch: Path
) -> Iterator[dict[str, Any]]:
    """The results after each answer: the default's figures, and for each answer its own and the ratios."""
    before = os.getloadavg()[0]
    default_row = usual(framework)
    rendered = render(default_row, scratch / f"{framework}-default")
    served_by_default = served(rendered)  # before it runs: Python's caches are in the same place
    chosen_by_default = {name: text(value) for name, value in default_row.items() if name in facts_of(ROOT)["options"]}
    results, figures_of_default = [], Figures()
    with prepared(rendered, default_row, server, core) as default:
        for number, answer in enumerate(wanted):
            say(f"{framework}: {answer.name}, {number + 1} of {len(wanted)}")
            others = {
                name: text(value)
                for name, value in answer.row.items()
                if default_row.get(name) != value and name != answer.question
            }
            result: dict[str, Any] = {"answer": answer.name, "with": others}
            project = render(answer.row, scratch / f"{framework}-{answer.name}")
            if served(project) == served_by_default:
                result["same"] = True
            elif needed := missing(answer.row):
                result["needs"] = needed
            else:
                with prepared(project, answer.row, server, core) as candidate:
                    of_default, of_answer = compare(default, candidate, rounds, core)
                Database(server, default.variables["DATABASE_URL"], default.subject.table).reset()
                shutil.rmtree(project)
                for name, values in of_default.items():
                    figures_of_default.setdefault(name, []).extend(values)
                result["figures"] = {name: summary(values) for name, values in of_answer.items()}
                result["ratios"] = {
                    name: summary([a / b for a, b in zip(values, of_default[name], strict=True)])
                    for name, values in of_answer.items()
                }
            results.append(result)
            yield {
                "load_average": [round(each, 1) for each in (before, os.getloadavg()[1])],
                "default": {name: value for name, value in chosen_by_default.items() if name != "framework"},
                "figures": {name: summary(values) for name, values in figures_of_default.items()},
                "answers": results,
            }


def render(row: Row, place: Path) -> Path:
    """A project with these answers."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
    return render_anew(ROOT, place, slug="service", **given)


def served(project: Path) -> dict[str, bytes]:
    """All that a running service has of its project."""
    package = next(project.glob("*/core/about.py")).parents[1].name
    parts = (package, "migrations", "uv.lock", "gunicorn.conf.py", "granian.json")
    return {name: content for name, content in tree(project).items() if name.partition("/")[0] in parts}


def chosen(row: Row) -> dict[str, dict[str, Any]]:
    """The facts about the options of a project, by name."""
    return {
        name: fact
        for name, question, answer, framework, fact in described(facts_of(ROOT)["options"])
        if has(row, question, answer, framework)
    }


def services(row: Row) -> dict[str, str]:
    """The variables of services that the options need besides PostgreSQL, with the services' names."""
    return {
        service["variable"]: name
        for option in chosen(row).values()
        for name, service in option.get("services", {}).items()
        if name != "postgresql"
    }


def missing(row: Row) -> str:
    """The services that the options need, that the environment does not name, and that are not started here."""
    there = {*os.environ} - {"DATABASE_URL"}
    if shutil.which("mariadbd", path=mysql.PATH):
        there.add("DATABASE_URL")
    return ", ".join(f"{name} ({variable})" for variable, name in services(row).items() if variable not in there)


@contextlib.contextmanager
def prepared(path: Path, row: Row, server: postgres.Server, core: int) -> Iterator[Candidate]:
    """Installs a project, makes its tables, and gives it items and a user."""
    framework, options = row["framework"], chosen(row)
    project = set_up(path)
    table = "items_item" if framework == "django" else "items"
    subject = Subject(framework, row.get("server"), path, project.package.name, project.environment, table)
    scratch = path.with_name(f"{path.name}-files")
    scratch.mkdir()
    with contextlib.ExitStack() as stack:
        values = variables(stack.enter_context(database(options, server, scratch)))
        for option in options.values():
            for name, fact in option.get("variables", {}).items():
                if "test" in fact and name not in values:
                    values[name] = fact["test"]
        values |= {name: os.environ[name] for name in services(row) if name != "DATABASE_URL"}
        candidate = Candidate(subject, options, values, scratch)
        subject.python(
            *(["manage.py", "migrate"] if framework == "django" else ["-m", "alembic", "upgrade", "head"]), **values
        )
        log_in = next((LOGINS[name] for name in options if name in LOGINS), None)
        if log_in:
            candidate.headers = stack.enter_context(log_in(candidate))
        fill(candidate, core)
        yield candidate


@contextlib.contextmanager
def database(options: dict[str, Any], server: postgres.Server, scratch: Path) -> Iterator[str]:
    """The URL of an empty database of the kind that the options need; MariaDB takes the place of MySQL."""
    needed = {name for option in options.values() for name in option.get("services", {})}
    if "mysql" in needed:
        with mysql.start() as mariadb:
            yield mariadb.create("options")
    elif "postgresql" in needed:
        yield server.create(f"options_{len(server.databases())}")
    else:
        yield f"sqlite:///{scratch}/db.sqlite3"


@contextlib.contextmanager
def logged_in_to_django(candidate: Candidate) -> Iterator[dict[str, str]]:
    """The headers of a browser with a session."""
    program = (
        "from django.conf import settings; from django.contrib.auth import get_user_model;"
        "from django.test import Client;"
        f"client = Client(); client.force_login(get_user_model().objects.create_superuser({USER!r}));"
        "print(settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME,"
        " client.cookies[settings.SESSION_COOKIE_NAME].value)"
    )
    printed = candidate.subject.python("manage.py", "shell", "--verbosity=0", "-c", program, **candidate.variables)
    csrf, name, session = printed.split()[-3:]
    token = "t" * 32
    yield {"Cookie": f"{csrf}={token}; {name}={session}", "X-CSRFToken": token}


@contextlib.contextmanager
def logged_in_to_accounts(candidate: Candidate) -> Iterator[dict[str, str]]:
    """An access token of an account of the project's, made once it runs."""
    create = ["-m", f"{candidate.subject.package}.accounts", "create", USER, "items:write"]
    candidate.subject.python(*create, given=f"{PASSWORD}\n", **candidate.variables)
    yield {}


@contextlib.contextmanager
def providing(environment: Path, directory: Path, audience: str) -> Iterator[tuple[str, Path, str]]:
    """The issuer, the certificate to trust, and a token of a provider, which runs until the end of the block."""
    command: list[str | Path] = [environment / "bin" / "python", BARE / "provider.py", directory, audience]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101
        try:
            issuer, token = process.stdout.readline().split()
            yield issuer, directory / "certificate.pem", token
        finally:
            process.terminate()


@contextlib.contextmanager
def logged_in_at_provider(candidate: Candidate) -> Iterator[dict[str, str]]:
    """An access token of a provider that runs until the end of the block."""
    audience = candidate.variables["OIDC_AUDIENCE"]
    with providing(candidate.subject.environment, candidate.scratch, audience) as (issuer, certificate, token):
        candidate.variables |= {"OIDC_ISSUER": issuer, "SSL_CERT_FILE": str(certificate)}
        yield {"Authorization": f"Bearer {token}"}


# By option: how a user of the benchmark logs in. Without one, a create is anonymous.
LOGINS = {
    "allauth": logged_in_to_django,
    "django_login": logged_in_to_django,
    "jwt": logged_in_to_accounts,
    "oidc": logged_in_at_provider,
}


def renew_token(candidate: Candidate, server: Server) -> None:
    """Logs in to the project's own accounts, whose tokens are short-lived."""
    if "jwt" in candidate.options:
        form = urllib.parse.urlencode({"grant_type": "password", "username": USER, "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, _, body = server.request("POST", "/api/token", form, headers)
        if status != 200:
            raise FailedError(f"A login is answered with {status}: {body!r:.300}")
        candidate.headers = {"Authorization": f"Bearer {json.loads(body)['access_token']}"}


def fill(candidate: Candidate, core: int) -> None:
    """Gives a project its items, through its own code: it may have any database."""
    items = [
        {"name": f"Item {n}", "description": f"The description of item {n}", "quantity": n} for n in range(1, ROWS + 1)
    ]
    if candidate.subject.framework == "django":
        program = (
            f"import json, sys; from {candidate.subject.package}.items.models import Item;"
            "Item.objects.bulk_create(Item(**item) for item in json.load(sys.stdin))"
        )
        command = ["manage.py", "shell", "--verbosity=0", "-c", program]
        candidate.subject.python(*command, given=json.dumps(items), **candidate.variables)
        return
    with candidate.started(core) as server:
        renew_token(candidate, server)
        for start in range(0, ROWS, 100):
            body = json.dumps({"entries": items[start : start + 100]})
            status, _, answer = server.request("POST", "/api/v1/items:bulk", body, candidate.headers)
            if status != 200:
                raise FailedError(f"A bulk create is answered with {status}: {answer!r:.300}")


def compare(default: Candidate, other: Candidate, rounds: int, core: int) -> tuple[Figures, Figures]:
    """The figures of each round of two projects, which take turns."""
    sides, figures = (default, other), (Figures(), Figures())

    def add(side: int, name: str, value: float) -> None:
        figures[side].setdefault(name, []).append(value)

    for _ in range(rounds):
        for side in (0, 1):
            add(side, "import_s", sides[side].imported())
    for _ in range(STARTS - 1):
        for side in (0, 1):
            with sides[side].started(core) as server:
                add(side, "start_s", server.start_up)
    with default.started(core) as first, other.started(core) as second:
        servers = (first, second)
        for side in (0, 1):
            add(side, "start_s", servers[side].start_up)
            renew_token(sides[side], servers[side])
        for name in LOADS:
            if not all(can(candidate, server, name) for candidate, server in zip(sides, servers, strict=True)):
                continue
            for side in (0, 1):
                load(servers[side], name, SECONDS, headers=sides[side].headers)
            for _ in range(rounds):
                for side in (0, 1):
                    before = servers[side].cpu
                    requests = load(servers[side], name, SECONDS, headers=sides[side].headers)["requests"]
                    add(side, f"{name}_cpu_us", (servers[side].cpu - before) / requests * 1e6)
        for side in (0, 1):
            add(side, "memory_mib", servers[side].memory_of_all)
    return figures


def can(candidate: Candidate, server: Server, name: str) -> bool:
    """Whether a project answers a request as it should."""
    path = LOADS[name][1]
    if name == "create":
        item = json.dumps({"name": f"Tried {time.time_ns()}"})
        return server.request("POST", path, item, candidate.headers)[0] == 201
    return server.request("GET", path, headers=candidate.headers)[0] == 200


def summary(values: list[float]) -> dict[str, Any]:
    """The median, the least and the greatest."""
    return {"median": round(statistics.median(values), 3), "spread": [round(min(values), 3), round(max(values), 3)]}


COLUMNS = {
    **{f"{name}_cpu_us": (heading, " µs", 0) for name, (heading, _) in LOADS.items()},
    "memory_mib": ("memory", " MiB", 0),
    "import_s": ("CPU of import", " s", 2),
    "start_s": ("first response", " s", 2),
}


def tables(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    parts = ["\n".join(table(framework, results)) for framework, results in found["frameworks"].items()]
    machine = found["machine"]
    loads = ", and ".join(
        f"{results['load_average'][0]} before {NAMES[framework]}, {results['load_average'][1]} in its last five minutes"
        for framework, results in found["frameworks"].items()
    )
    parts.append(
        "CPU time per request, memory and start-up: the default's, and the ratios of others to it. Medians of"
        f" {found['rounds']} rounds of {found['seconds']:g} s for each request and side (least to greatest), and of"
        f" {STARTS} starts; {CONNECTIONS} connections, one core of {machine['processor']}, {found['date']}; load"
        f" average {loads}, of which about 2 is the benchmark's own."
    )
    return "\n\n".join(parts)


def table(framework: str, results: dict[str, Any]) -> Iterator[str]:
    """The lines of a framework's table."""
    columns = {name: column for name, column in COLUMNS.items() if name in results["figures"]}
    yield f"| {NAMES[framework]} | {' | '.join(heading for heading, *_ in columns.values())} |"
    yield f"|{'---|' * (len(columns) + 1)}"
    cells = [cell(results["figures"][name], unit, digits) for name, (_, unit, digits) in columns.items()]
    yield f"| {' | '.join(['the default', *cells])} |"
    for each in results["answers"]:
        name = f"`{each['answer']}`"
        if each["with"]:
            name += f", with {', '.join(f'`{other}={value}`' for other, value in each['with'].items())}"
        if each.get("same"):
            cells = ["the same service", *[""] * (len(columns) - 1)]
        elif "needs" in each:
            cells = [f"not measured: needs {each['needs']}", *[""] * (len(columns) - 1)]
        else:
            cells = [cell(each["ratios"].get(column), "", 2) for column in columns]
        yield f"| {' | '.join([name, *cells])} |"


def cell(figure: dict[str, Any] | None, unit: str, digits: int) -> str:
    """A median, with the least and the greatest value."""
    if figure is None:
        return ""
    median, least, greatest = (f"{value:,.{digits}f}" for value in [figure["median"], *figure["spread"]])
    return f"**{median}**{unit}" + (f" ({least} to {greatest})" if least != greatest else "")


if __name__ == "__main__":
    sys.exit(main())
