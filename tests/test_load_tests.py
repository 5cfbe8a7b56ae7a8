"""The load tests of a project: they pass, and fail if a threshold is exceeded. Speed itself is not tested."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.projects import served, set_up_alone
from tests.tools import render

ENOUGH = ("--max-p95", "60000", "--max-p99", "60000")  # milliseconds, on any machine
TOO_LITTLE = ("--max-p95", "0.001", "--max-p99", "0.001")


@contextmanager
def supplier(directory: Path) -> Iterator[str]:
    """As docs/quotes.md starts one: it answers with the same file for each product."""
    (directory / "quotes").write_text('{"price": "9.90", "available": 3}')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(directory))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/quotes"
        server.shutdown()


@pytest.mark.in_turn
@pytest.mark.slow
def test_the_exit_code_tells_whether_the_service_is_fast_enough(template: Path, tmp_path: Path) -> None:
    answers = {"auth": "jwt", "live": "websocket", "example": "quotes"}
    project = set_up_alone(render(template, tmp_path / "service", framework="fastapi", **answers))
    project.uv("sync", "--locked", "--quiet", "--group", "load")
    project.run("mypy", "loadtests")  # the project's own check does without Locust
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    for verb in ("migrate", "seed"):
        project.poe(verb, DATABASE_URL=database)

    def load(*arguments: str, code: int) -> str:
        return project.run("locust", "--config=loadtests/locust.conf", "--run-time=4s", *arguments, code=code)

    with (
        supplier(tmp_path) as quotes,
        served(project, "serve", tmp_path / "log", DATABASE_URL=database, QUOTE_SUPPLIERS=f"alpha={quotes}") as url,
    ):
        passed = load("--host", f"{url}/", *ENOUGH, code=0)
        for request in ("POST     /api/token", "GET      /api/v1/items", "GET      /api/v1/quotes", "WS       post"):
            assert f"\n{request}" in passed
        assert "/api/v1/items: 99% took up to" in load("--host", url, *TOO_LITTLE, "--processes=2", code=1)
        # Writing requires a valid token. Nineteen of twenty requests read, but each kind counts.
        refused = load("--host", url, *ENOUGH, "--token", "wrong", "--max-failures", "99", "ItemUser", code=1)
        assert "POST /api/v1/items: 100.00% failed, more than 99.0%" in refused
        assert "GET /api/v1/items: " not in refused
        alone = load("--host", url, *ENOUGH, "--users=1", code=0)
        assert "\nGET      /api/v1/items" in alone
    with served(project, "serve", tmp_path / "log", DATABASE_URL=database) as url:
        assert "there are no suppliers: set QUOTE_SUPPLIERS" in load("--host", url, *ENOUGH, "QuoteUser", code=1)
    assert "There was no request" in load("--host", url, *ENOUGH, "--token", "x", "LoginUser", "--users=0", code=1)
    elsewhere = load("--host", "http://192.0.2.1:8000", code=1)
    assert "192.0.2.1 is not this machine. To test it, add: --allow-host 192.0.2.1" in elsewhere
