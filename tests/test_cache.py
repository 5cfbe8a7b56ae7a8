"""The cache in Redis, while Redis stops and starts again."""

import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server
from tests.projects import Service, ask, served, set_up
from tests.redis import Server as Redis
from tests.tools import render

pytestmark = [pytest.mark.slow, pytest.mark.option("celery")]

PASSWORD = "for-development"  # noqa: S105


@pytest.fixture(scope="module")
def service(
    template: Path, postgres: Server, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("cache")
    answers = {"login": "django", "admin": "stock", "media": "none", "tasks": "celery", "api": "ninja"}
    project = set_up(render(template, directory / "service", framework="django", **answers))
    variables: dict[str, Any] = {"DATABASE_URL": postgres.create("cache"), "REDIS_URL": redis.url, "API_RATE": "2/day"}
    project.poe("migrate", DATABASE_URL=variables["DATABASE_URL"])
    account: dict[str, Any] = {"DJANGO_SUPERUSER_EMAIL": "dev@example.com", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    project.run("python", "manage.py", "createsuperuser", "--noinput", **variables, **account)
    with served(project, "serve", directory / "log", DEBUG="false", **variables) as url:
        yield Service(project, variables, url)


class Browser:
    """A person's browser: it keeps cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def read(self, path: str) -> str:
        """Return a page, perhaps another one after a redirect."""
        with self.opener.open(self.url + path, timeout=10) as response:
            return str(response.read().decode())

    def send(self, path: str, page: str, **fields: str) -> str:
        """Send a form of a page, and return the page that follows."""
        [token, *_] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.read(page))
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token} | fields).encode()
        with self.opener.open(self.url + path, data, timeout=10) as response:
            return str(response.read().decode())

    def log_in(self) -> None:
        self.send("/account/login/", "/account/login/", username="dev@example.com", password=PASSWORD)
        assert self.is_logged_in()

    def is_logged_in(self) -> bool:
        """Whether a page that requires a login is shown."""
        return 'name="password"' not in self.read("/jobs/")

    def add(self, name: str) -> None:
        """Add an item."""
        self.send("/items/add/", "/items/add/", name=name, quantity="1", description="")


def stock(service: Service) -> int:
    """How many items there are, without the copy of the whole page."""
    return int(ask(f"{service.url}/stock/?{time.monotonic_ns()}").json["items"])


def wait_for_cache(service: Service, redis: Redis) -> None:
    """Waits until the service reads from Redis, which has just started."""
    deadline = time.monotonic() + 30
    while b"cmdstat_get:" not in redis.ask("INFO", "commandstats"):
        assert time.monotonic() < deadline, "the cache is not used again"
        stock(service)
        time.sleep(0.1)


def test_without_redis_nobody_is_logged_out_and_no_change_is_hidden(service: Service, redis: Redis) -> None:
    person = Browser(service.url)
    person.log_in()
    before = stock(service)
    with redis.stopped():
        assert person.is_logged_in()
        person.add("Lamp")
        assert stock(service) == before + 1
        Browser(service.url).log_in()
    wait_for_cache(service, redis)
    assert person.is_logged_in()
    assert stock(service) == before + 1


def test_a_logout_without_redis_is_one_afterwards(service: Service, redis: Redis) -> None:
    person, thief = Browser(service.url), Browser(service.url)
    person.log_in()
    for cookie in person.cookies:
        thief.cookies.set_cookie(cookie)
    assert thief.is_logged_in()
    with redis.stopped():
        person.send("/account/logout/", "/items/add/")
        assert not person.is_logged_in()
    wait_for_cache(service, redis)
    assert not thief.is_logged_in()


def test_the_limit_of_a_caller_refuses_nobody_without_redis(service: Service, redis: Redis) -> None:
    url = f"{service.url}/api/v1/items"
    answers = [ask(url) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    with redis.stopped():
        assert ask(url).status == 200


def test_the_projects_own_tests_pass_with_redis(service: Service, redis: Redis) -> None:
    """Those that are skipped without a server; in databases that the service does not use."""
    url = f"{redis.url.removesuffix('0')}2"
    files = ("core/test_cache.py", "core/test_redis.py", "core/test_throttling.py", "item_stock")
    printed = service.project.run("pytest", "-q", "-rs", *(f"tests/{name}" for name in files), REDIS_URL=url)
    assert "REDIS_URL" not in printed
