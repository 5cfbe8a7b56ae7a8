"""Runs the two servers of a framework, checks that they do the same work, and loads them in turn."""

import json
import os
import time
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
    common = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "production",
        "DATABASE_URL": database.url,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECRET_KEY": SECRET_KEY,
        "WEB_CONCURRENCY": "1",
    }
    migrate = ["manage.py", "migrate"] if subject.framework == "django" else ["-m", "alembic", "upgrade", "head"]
    subject.python(*migrate, **common)
    database.fill()
    logs = {side: scratch / f"{subject.framework}-{side}.log" for side in ("bare", "full")}
    ours = {side: common | {"DATABASE_URL": database.url_of(side)} for side in logs}
    with (
        running(subject, "bare", core, logs["bare"], starts=plan.starts, **ours["bare"]) as (bare, bare_start),
        running(subject, "full", core, logs["full"], starts=plan.starts, **ours["full"], **tracing(collector)) as (
            full,
            full_start,
        ),
    ):
        agree(bare, full)
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


def agree(bare: Server, full: Server) -> None:
    """Fails where the two do not do the same work."""
    for path in ("/api/bench/json", "/api/items/7", f"/api/items/{ROWS}", "/api/items?limit=50"):
        answers = [server.request("GET", path) for server in (bare, full)]
        bodies = [json.loads(body) for _, _, body in answers]
        if [status for status, _, _ in answers] != [200, 200] or bodies[0] != bodies[1]:
            raise FailedError(f"{path}: bare answers {answers[0][0]} {bodies[0]}, full {answers[1][0]} {bodies[1]}.")
    made = []
    for side, server in (("bare", bare), ("full", full)):
        valid = {"name": f"Made by {side}", "description": "Made", "quantity": 3}
        status, _, body = server.request("POST", "/api/items", json.dumps(valid))
        values = json.loads(body)
        made.append((status, {name: values.get(name) for name in ("description", "quantity")}, sorted(values)))
        for wrong in ({"quantity": -1}, {"name": "Item 1"}):  # the latter exists
            status = server.request("POST", "/api/items", json.dumps(valid | wrong))[0]
            if status not in {409, 422}:
                raise FailedError(f"{side} answers a POST with {wrong} with {status}.")
    if made[0] != made[1] or made[0][0] != 201:
        raise FailedError(f"To a POST, bare answers {made[0]}, full {made[1]}.")
    if "x-request-id" not in full.request("GET", "/api/bench/json")[1]:
        raise FailedError("The full server names no request id.")


def logged(server: Server, requests: int) -> None:
    """Fails where not every request has its line, which may be written after the answer was sent."""
    deadline = time.monotonic() + 5
    while (lines := server.log.read_bytes().count(b'"request"')) < requests:
        if time.monotonic() > deadline:
            raise FailedError(f"The full server wrote {lines} lines for {requests} requests.")
        time.sleep(0.1)
