"""Live updates on real servers: pages follow each other, Redis stops, and the servers for WebSockets stop."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import nginx
from tests.owner import remove_the_example
from tests.postgres import Server
from tests.processes import answers, free_ports
from tests.projects import QUICK, Project, ask, served, set_up
from tests.redis import Server as Redis
from tests.test_pages import CHROMIUM, launch
from tests.tools import render

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("pages"),
    pytest.mark.option("live"),
    pytest.mark.skipif(CHROMIUM is None or nginx.PROGRAM is None, reason="needs chromium and nginx"),
]

LOG_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
user, _ = get_user_model().objects.get_or_create(
    **{get_user_model().USERNAME_FIELD: "user@example.com"}, is_superuser=True  # may change items
)
client = Client()
client.force_login(user)
print(client.cookies["sessionid"].value)
"""
# Opens a WebSocket, perhaps sends something, and says how it ends.
ENDS = """([url, text]) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    window.opened = new Promise((opened) => {
        socket.onmessage = () => { opened(true); if (text) socket.send(text); };
        socket.onclose = (event) => { opened(false); resolve([event.code, event.reason]); };
    });
})"""


@dataclass
class Site:
    """A project behind nginx, and its second server for WebSockets, which also serves pages."""

    project: Project
    variables: dict[str, Any]
    directory: Path
    url: str
    live: list[str]
    processes: list["Popen[bytes]"]
    session: str

    def serving(self, number: int) -> AbstractContextManager["Popen[bytes]"]:
        """Starts one of the servers for WebSockets."""
        url = self.live[number].replace("localhost", "127.0.0.1")
        variables = self.variables | {"LIVE_PORT": url.rpartition(":")[2]}
        project = self.project.in_its_image
        command = [*project.poe_command, "--quiet", "live"]
        log = self.directory / f"live-{number}"
        return project.running(command, variables, log, lambda: answers(f"{url}/health/ready"))

    def shell(self, program: str) -> str:
        """Runs a program of the project; gives what it prints."""
        return self.project.run("python", "manage.py", "shell", "-v", "0", "-c", program, **self.variables)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture(scope="module")
def site(template: Path, postgres: Server, redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("live")
    answered = {"pages": True, "login": "django", "admin": "none", "media": "none", "target": ["compose"]}
    answered |= {"live": "websocket", "tasks": "celery"}
    project = set_up(render(template, directory / "service", framework="django", **answered))
    variables: dict[str, Any] = {"DATABASE_URL": postgres.create("live"), "REDIS_URL": redis.url, "DEBUG": "false"}
    project.run("python", "manage.py", "migrate", **variables)
    with ExitStack() as stack:
        web = stack.enter_context(served(project, "serve", directory / "web", **variables))
        ports = free_ports(2)
        site = Site(project, variables, directory, "", [f"http://localhost:{port}" for port in ports], [], "")
        site.processes = [stack.enter_context(site.serving(number)) for number in range(2)]
        server, live = web.removeprefix("http://"), f"127.0.0.1:{ports[0]}"
        proxy = stack.enter_context(nginx.running(project.path, directory / "nginx", [server], live=live))
        site.url = proxy.url.replace("127.0.0.1", "localhost")
        site.session = site.shell(LOG_IN).split()[-1]
        yield site


@pytest.fixture
def pages(site: Site, browser: Browser) -> Iterator[list[Page]]:
    """The list of items, behind nginx and on another server, each connected to a process of its own."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    context.add_cookies([{"name": "sessionid", "value": site.session, "domain": "localhost", "path": "/"}])
    found = [context.new_page(), context.new_page()]
    for page, url in zip(found, (site.url, site.live[1]), strict=True):
        page.goto(f"{url}/items/")
    follow(found)
    yield found
    context.close()


def follow(pages: list[Page]) -> None:
    """Waits until the pages are connected."""
    for page in pages:
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "open", timeout=30_000)


def show(pages: list[Page], text: str) -> None:
    """Waits until the pages show a text, without being loaded again."""
    for page in pages:
        expect(page.locator("#results")).to_contain_text(text, timeout=30_000)


def test_pages_follow_each_other_through_two_processes(site: Site, pages: list[Page]) -> None:
    writer = pages[0].context.new_page()
    writer.goto(f"{site.url}/items/add/")
    writer.get_by_label("Name").fill("lamp")
    writer.get_by_role("button", name="Save").click()
    show(pages, "lamp")
    site.shell("from my_service.items.models import Item; Item.objects.filter(name='lamp').first().delete()")
    for page in pages:
        expect(page.locator("#results")).not_to_contain_text("lamp")
    for url in site.live:
        metrics = ask(url + "/metrics").body.decode()
        assert "\nlive_connections 1.0\n" in metrics
        assert "/live/items/" not in metrics  # a connection is no slow request


def test_what_is_saved_while_redis_is_down_appears_when_it_is_back(site: Site, pages: list[Page], redis: Redis) -> None:
    with redis.stopped():
        for page in pages:
            expect(page.locator("[data-live]")).to_have_attribute("data-state", "closed", timeout=30_000)
        assert ask(site.live[0] + "/health/ready").json["checks"] == {"database": "ok", "redis": "failed"}
        site.shell("from my_service.items.models import Item; Item.objects.create(name='chair')")
    follow(pages)
    show(pages, "chair")
    site.shell("from my_service.items.models import Item; Item.objects.create(name='table')")
    show(pages, "table")


def test_connections_end_with_a_reason(site: Site, pages: list[Page]) -> None:
    url = site.url.replace("http", "ws") + "/live/items/"
    assert pages[0].evaluate(ENDS, [url, "hello"]) == [1008, "unexpected message"]
    assert pages[0].evaluate(ENDS, [url, "x" * 5000])[0] == 1009  # too large
    for other in ("/live/other/", "/items/"):
        assert pages[0].evaluate(ENDS, [site.url.replace("http", "ws") + other, ""])[0] == 1006


def test_a_page_reconnects_if_it_hears_nothing(site: Site, pages: list[Page]) -> None:
    """As if the network had dropped the connection without a sign, for longer than the service is ever silent."""
    page = pages[0].context.new_page()
    page.clock.install()
    page.goto(f"{site.url}/items/")
    follow([page])
    page.clock.fast_forward(76_000)
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "closed")
    page.clock.fast_forward(2_000)
    follow([page])


def test_a_server_that_stops_says_so_and_pages_come_back(site: Site, pages: list[Page]) -> None:
    own = site.live[1].replace("http", "ws") + "/live/items/"
    pages[1].evaluate(f"void (window.end = ({ENDS})(['{own}', '']))")  # do not wait
    assert pages[1].evaluate("window.opened")
    site.processes[1].send_signal(signal.SIGTERM)
    assert pages[1].evaluate("window.end") == [1012, ""]
    site.processes[1].wait(20)
    expect(pages[1].locator("[data-live]")).to_have_attribute("data-state", "closed")
    with site.serving(1):
        follow(pages)


def test_the_example_can_be_replaced(site: Site, tmp_path: Path) -> None:
    copy = site.project.copy(tmp_path / "service")
    remove_the_example(copy, "django")
    copy.poe("check", PYTEST_ADDOPTS=QUICK)


def test_the_projects_own_tests_of_the_server_pass(site: Site) -> None:
    """On Redis; they are slow, so the rows leave them out."""
    site.project.run("pytest", "-q", "tests/core/test_live.py", "tests/core/test_live_server.py", **site.variables)
