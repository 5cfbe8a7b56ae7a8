"""Code that uses the options of a project as its pages said when it was written still works after an update."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.owner import options
from tests.projects import QUICK, Project, set_up_alone
from tests.test_update import bring_up_to_date, landed
from tests.tools import LANDED, commit_all, groundplan, render

pytestmark = [pytest.mark.slow, pytest.mark.in_turn]


@dataclass(frozen=True)
class Past:
    """A project of a version that landed, and what its owner wrote with its options."""

    version: str  # its beginning
    framework: str
    answers: dict[str, Any]
    written: tuple[Callable[[Project, str], None], ...]
    failing: str = ""  # a test that failed in that version as well


PAST = {
    "an admin and server-sent events": Past(
        "74c4c237",
        "fastapi",
        {"auth": "jwt", "admin": "starlette_admin", "live": "sse"},
        (options.add_orders, options.add_an_admin, options.add_events),
    ),
    "a provider, jobs and WebSockets": Past(
        "1b477d53",
        "fastapi",
        {"auth": "oidc", "data": "sqlmodel", "tasks": "taskiq", "live": "websocket"},
        (options.add_orders, options.add_jobs, options.add_sockets),
        # Its token is for orders alone, and it deletes an item.
        "tests/orders/test_orders.py::test_orders_refer_to_items",
    ),
    "REST framework, Celery and WebSockets": Past(
        "74c4c237",
        "django",
        {"login": "allauth", "admin": "django", "api": "drf", "tasks": "celery", "live": "websocket", "media": "s3"},
        (options.add_orders, options.add_jobs_and_sockets),
        # With CORS and languages, each response varies.
        "tests/item_stock/test_stock.py::test_the_page_is_cached_for_everyone",
    ),
}


@pytest.mark.parametrize("past", PAST.values(), ids=PAST)
def test_what_an_owner_wrote_with_options_still_works(past: Past, tmp_path: Path) -> None:
    (version,) = (each for each in LANDED if each.startswith(past.version))
    template = landed(version, tmp_path)
    path = render(template, tmp_path / "service", framework=past.framework, slug="service", **past.answers)
    commit_all(path, "Start", init=True)
    project = set_up_alone(path)
    for write in past.written:
        write(project, past.framework)
    project.poe("format")
    commit_all(path, "A year of work")

    bring_up_to_date(template)
    result = groundplan("update", path)
    assert result.returncode == 0, result.stderr + result.stdout
    project.uv("sync", "--quiet")
    without = f"--deselect={past.failing}" if past.failing else ""
    project.poe("check", PYTEST_ADDOPTS=f"{QUICK} --ignore=tests/core {without}")  # the template's run in rows
