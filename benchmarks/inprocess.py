"""The process that breakdown.py measures: calls an application without a server. Runs in the project's environment."""

import asyncio
import importlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BATCHES = int(os.environ.get("BATCHES", "25"))
REQUESTS = 300  # in a batch


def measure(side: str, framework: str, package: str, *layers: str) -> None:
    """Prints the CPU time of a request, in microseconds, as the last line of stderr."""
    sys.path[0] = str(Path.cwd())
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the log
    if framework == "django":
        best = min(django_batches(side, package, layers))
    else:
        best = min(asyncio.run(fastapi_batches(side, package, layers)))
    print(f"{best / REQUESTS * 1e6:.1f}", file=sys.stderr)


def kept(names: list[str], package: str, layers: tuple[str, ...]) -> Iterator[bool]:
    """For each middleware, by its dotted name: is it the framework's, or one of those to measure?"""
    for name in names:
        yield not name.startswith(f"{package}.core.") or name.rpartition(".")[2] in layers


def django_batches(side: str, package: str, layers: tuple[str, ...]) -> list[float]:
    """Seconds of CPU for each batch."""
    load: Callable[[str], Any] = importlib.import_module  # these packages are only in the project's environment
    if side == "bare":
        application = load("django_app").application
    else:
        os.environ["DJANGO_SETTINGS_MODULE"] = f"{package}.settings"
        settings = load("django.conf").settings
        keep = kept(settings.MIDDLEWARE, package, layers)
        settings.MIDDLEWARE = [name for name, is_kept in zip(settings.MIDDLEWARE, keep, strict=True) if is_kept]
        load("django").setup(set_prefix=False)
        application = load("django.core.wsgi").get_wsgi_application()
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/bench/json", "HTTP_HOST": "localhost", "SERVER_PORT": "80"}
    environ |= {"SERVER_NAME": "localhost", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http"}
    statuses: list[str] = []

    def batch() -> None:
        for _ in range(REQUESTS):
            body = {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
            response = application(environ | body, lambda status, *_: statuses.append(status))
            b"".join(response)
            response.close()

    seconds = [timed(batch) for _ in range(BATCHES)]
    assert {status[:3] for status in statuses} == {"200"}, statuses  # noqa: S101
    return seconds


def timed(batch: Callable[[], None]) -> float:
    """Seconds of CPU that a call takes."""
    before = time.process_time()
    batch()
    return time.process_time() - before


async def fastapi_batches(side: str, package: str, layers: tuple[str, ...]) -> list[float]:
    """Seconds of CPU for each batch."""
    app: Any = importlib.import_module("fastapi_app" if side == "bare" else f"{package}.main").app
    names = [f"{layer.cls.__module__}.{layer.cls.__name__}" for layer in app.user_middleware]
    keep = kept(names, package, layers)
    app.user_middleware = [layer for layer, is_kept in zip(app.user_middleware, keep, strict=True) if is_kept]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
    }
    scope |= {"path": "/api/bench/json", "raw_path": b"/api/bench/json", "query_string": b"", "root_path": ""}
    scope |= {"headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
    statuses = set[int]()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.add(message["status"])

    seconds = []
    async with app.router.lifespan_context(app) as state:
        for _ in range(BATCHES):
            before = time.process_time()
            for _ in range(REQUESTS):
                await app(scope | {"state": dict(state or {})}, receive, send)
            seconds.append(time.process_time() - before)
    assert statuses == {200}, statuses  # noqa: S101
    return seconds


if __name__ == "__main__":
    measure(*sys.argv[1:])
