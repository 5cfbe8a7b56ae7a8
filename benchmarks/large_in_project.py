"""A step of large.py, in a process of its own and in the project's environment: prints its figures as JSON."""

import importlib
import json
import resource
import sys
import time
import urllib.parse
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

REQUESTS = 20
DAYS = 7
# These packages are only in the project's environment.
load: Any = importlib.import_module


def main(step: str, *arguments: str) -> None:
    """Runs the step."""
    load("django").setup()
    before = time.perf_counter()
    steps: dict[str, Callable[..., dict[str, Any]]] = {
        "import": import_file,
        "export": export,
        "pages": pages,
        "refresh": refresh,
    }
    figures = steps[step](*arguments)
    if step != "pages":
        figures["seconds"] = time.perf_counter() - before
    figures.setdefault("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(figures))


def import_file(name: str) -> dict[str, Any]:
    """The import, as an operator runs it, without the report, which is measured by itself."""
    with Path(name).open(encoding="utf-8") as lines:
        return {"rows": load("service.measurements.files").load(lines)}


def export() -> dict[str, Any]:
    """The whole table, as a client that reads at once receives it."""
    lines = sum(part.count(b"\n") for part in client().get("/measurements/export.csv", secure=True).streaming_content)
    return {"rows": lines - 1}


def pages(middle: str) -> dict[str, Any]:
    """Milliseconds of each request, by the page."""
    day = datetime.fromisoformat(middle).date()
    week = {"since": day - timedelta(days=DAYS - 1), "until": day}
    queries: dict[str, tuple[str, dict[str, Any]]] = {
        "first": ("/measurements/", {}),
        "middle": ("/measurements/", {"before_time": middle, "before_id": 2**62}),
        "station": ("/measurements/", {"station": "s7"}),
        "week": ("/measurements/", week),
        "absent": ("/measurements/", {"since": "1999-01-01", "until": "1999-01-07"}),
        "report": ("/measurements/report/", {}),
    }
    browser, found = client(), {}
    for name, (path, query) in queries.items():
        url = f"{path}?{urllib.parse.urlencode(query)}"
        expect_rows(browser.get(url, secure=True), wanted=name != "absent")
        found[name] = [milliseconds(browser, url) for _ in range(REQUESTS)]
    return found


def expect_rows(answer: Any, *, wanted: bool) -> None:
    """Ends if a page is not what is measured."""
    if answer.status_code != 200 or (b"<td" in answer.content) != wanted:
        sys.exit(f"{answer.request['QUERY_STRING']} is answered with {answer.status_code}: {answer.content!r:.2000}")


def milliseconds(browser: Any, url: str) -> float:
    """The time of a request."""
    before = time.perf_counter()
    browser.get(url, secure=True)
    return (time.perf_counter() - before) * 1000


def refresh() -> dict[str, Any]:
    """The report's computation."""
    load("service.measurements.models").Day.objects.refresh()
    return {}


def client() -> Any:
    """A browser of a user who may see everything."""
    users = load("django.contrib.auth").get_user_model().objects
    user = users.filter(email="analyst@example.com").first()
    browser = load("django.test").Client(SERVER_NAME="127.0.0.1")
    browser.force_login(user or users.create_superuser("analyst@example.com", "a password of a benchmark"))
    return browser


if __name__ == "__main__":
    main(*sys.argv[1:])
