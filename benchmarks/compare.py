"""Runs the two servers of a framework, checks that they do the same work, and loads them in turn."""

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import FailedError, say
from benchmarks.collector import collected, tracing
from benchmarks.database import ROWS, Database
from benchmarks.load import load
from benchmarks.results import Round, Side, result
from benchmarks.servers import Server, running
from benchmarks.subjects import SECRET_KEY, Subject

SETTLE = 5.5  # seconds; traces are exported every five, unless there are very many


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: float
    starts: int


def compare(
    subject: Subject,
    database: Database,
    collector: str,
    plan: Plan,
    rows: list[str],
    core: int,
    scratch: Path,
) -> list[dict[str, Any]]:
    """Runs both servers of a framework and loads them in turn."""
    set_up(subject, database)
    logs = {side: scratch / f"{subject.framework}-{side}.log" for side in ("bare", "full")}
    ours = {side: variables(database.url_of(side)) for side in logs}
    with (
        running(subject, "bare", core, logs["bare"], starts=plan.starts, **ours["bare"]) as (bare, bare_start),
        running(subject, "full", core, logs["full"], starts=plan.starts, **ours["full"], **tracing(collector)) as (
            full,
            full_start,
        ),
    ):
        agree_on_reads({"bare": bare, "full": full})
        agree_on_creates({"bare": bare, "full": full})
        if "x-request-id" not in full.request("GET", "/api/bench/json")[1]:
            raise FailedError("The full server names no request id.")
        sides = {"bare": Side(bare, bare_start), "full": Side(full, full_start)}
        spans = {}
        for row in rows:
            for side in sides.values():
                load(side.server, row, 1)
            time.sleep(SETTLE)
            before = collected(collector)
            for number in range(plan.rounds):
                say(f"{subject.framework}: {row}, round {number + 1} of {plan.rounds}")
                for side in sides.values():
                    os.truncate(side.server.log, 0)
                    side.rounds.setdefault(row, []).append(Round(side.server.cpu, load(side.server, row, plan.seconds)))
                    if row == "create":
                        database.reset()
                logged(full, sides["full"].rounds[row][-1].requests)
            time.sleep(SETTLE)
            for side in sides.values():
                side.end(row)
            after = collected(collector)
            spans[row] = {kind: after[kind] - before[kind] for kind in after}
        for name, side in sides.items():
            side.memory = side.server.memory
            side.connections = database.connections_of(name)
        return [result(subject.framework, row, sides["bare"], sides["full"], spans[row]) for row in rows]


def variables(url: str) -> dict[str, str]:
    """The environment of a server, and of the commands of a project."""
    return {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "production",
        "DATABASE_URL": url,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECRET_KEY": SECRET_KEY,
        "WEB_CONCURRENCY": "1",
    }


def set_up(subject: Subject, database: Database) -> None:
    """Makes the table, with its rows."""
    migrate = ["manage.py", "migrate"] if subject.framework == "django" else ["-m", "alembic", "upgrade", "head"]
    subject.python(*migrate, **variables(database.url))
    database.fill()


def agree_on_reads(servers: dict[str, Server]) -> None:
    """Fails where servers answer differently."""
    for path in ("/api/bench/json", "/api/v1/items/7", f"/api/v1/items/{ROWS}", "/api/v1/items?limit=50"):
        found = []
        for server in servers.values():
            status, _, body = server.request("GET", path)
            found.append((status, json.loads(body) if status == 200 else body))
        same(f"GET {path}", servers, found, 200)


def agree_on_creates(servers: dict[str, Server]) -> None:
    """Fails where servers create different rows, or rows that are not valid."""
    made = []
    for name, server in servers.items():
        valid = {"name": f"Made by {name}", "description": "Made", "quantity": 3}
        status, _, body = server.request("POST", "/api/v1/items", json.dumps(valid))
        values = json.loads(body) if status == 201 else {}
        made.append((status, {name: values.get(name) for name in ("description", "quantity")}, sorted(values)))
        for wrong in ({"quantity": -1}, {"name": "Item 1"}):  # the latter exists
            status = server.request("POST", "/api/v1/items", json.dumps(valid | wrong))[0]
            if status not in {400, 409, 422}:
                raise FailedError(f"{name} answers a POST with {wrong} with {status}.")
    same("POST /api/v1/items", servers, made, 201)


def same(request: str, servers: Iterable[str], answers: Sequence[tuple[Any, ...]], status: int) -> None:
    """Fails where answers, which begin with their status, differ."""
    first = answers[0]
    for name, answer in zip(servers, answers, strict=True):
        if answer[0] != status or answer != first:
            raise FailedError(f"{request}: {next(iter(servers))} answers {first!s:.300}, {name} {answer!s:.300}.")


def logged(server: Server, requests: int) -> None:
    """Fails where not every request has its line, which may be written after the answer was sent."""
    deadline = time.monotonic() + 5
    while (lines := server.log.read_bytes().count(b'"request"')) < requests:
        if time.monotonic() > deadline:
            raise FailedError(f"The full server wrote {lines} lines for {requests} requests.")
        time.sleep(0.1)
