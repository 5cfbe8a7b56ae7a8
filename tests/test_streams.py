"""Live connections of FastAPI on real servers: two processes follow each other through Redis, and stop.

Pages in a browser do the same.
"""

import functools
import json
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests import nginx
from tests.processes import answers, free_ports
from tests.projects import Project, ask, served, set_up
from tests.redis import Server as Redis
from tests.test_pages import CHROMIUM, fits_every_screen, launch, watched
from tests.tools import render

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pages"), pytest.mark.option("websocket", "sse")]
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="NOBODY LOOKED AT THE ROOM: there is no chromium on PATH")

# Run in the project, with the URLs of two servers, the first one's process, and its port. Each prints what it received.
WEBSOCKETS = """
import json, os, signal, sys
from contextlib import contextmanager
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

one, two, process = sys.argv[1], sys.argv[2], int(sys.argv[3])

@contextmanager
def opened(url):
    with connect(url.replace("http", "ws") + "/live/rooms/lobby") as socket:
        socket.send('{"name": "Ada"}')
        assert json.loads(socket.recv(20))["event"] == "presence"
        yield socket

def message(socket):
    while (event := json.loads(socket.recv(20)))["event"] != "message":
        pass
    return event

with opened(one) as first, opened(two) as second:
    first.send('{"text": "from one"}')
    second_heard = message(second)
    second.send('{"text": "from two"}')
    heard = [message(first), message(first)]
    os.kill(process, signal.SIGTERM)
    try:
        while True:
            first.recv(20)
    except ConnectionClosed as closed:
        code = closed.rcvd.code
    second.send('{"text": "meanwhile"}')
    message(second), message(second)
with connect(two.replace("http", "ws") + "/live/rooms/lobby?after=" + heard[-1]["id"]) as again:
    again.send('{"name": "Ada"}')
    resumed = message(again)["data"]["text"]
print(json.dumps([[each["data"]["text"] for each in heard], code, resumed]))
"""
EVENTS = """
import json, os, signal, sys, urllib.request

one, two, process = sys.argv[1], sys.argv[2], int(sys.argv[3])

def opened(url, **headers):
    headers |= {"Accept": "text/event-stream"}
    request = urllib.request.Request(url + "/live/rooms/lobby?name=Ada", headers=headers)
    return urllib.request.urlopen(request, timeout=20)

def event(stream, kind):
    fields = {}
    while True:
        line = stream.readline().decode()
        assert line, "the stream has ended"
        if line == "\\n":
            if fields.get("event") == kind:
                return fields
            fields = {}
        name, _, value = line.strip().partition(": ")
        fields[name] = value

def say(url, text):
    body = json.dumps({"text": text}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + "/api/v1/rooms/lobby/posts?name=Ada", body, headers)
    urllib.request.urlopen(request, timeout=20).close()

first, second = opened(one), opened(two)
for stream in (first, second):
    event(stream, "presence")
say(one, "from one")
event(second, "message")
say(two, "from two")
heard = [event(first, "message"), event(first, "message")]
os.kill(process, signal.SIGTERM)
code = json.loads(event(first, "end")["data"])["reason"]
say(two, "meanwhile")
with opened(two, **{"Last-Event-ID": heard[-1]["id"]}) as again:
    resumed = json.loads(event(again, "message")["data"])["text"]
print(json.dumps([[json.loads(each["data"])["text"] for each in heard], code, resumed]))
"""
PROGRAMS = {"websocket": (WEBSOCKETS, 1012), "sse": (EVENTS, "restart")}


@dataclass
class Service:
    """Two processes of a project, the first one behind nginx."""

    project: Project
    live: str
    variables: dict[str, Any]
    directory: Path
    urls: list[str]
    proxy: str
    processes: list["Popen[bytes]"]

    def serving(self, number: int) -> AbstractContextManager["Popen[bytes]"]:
        """Starts one of the processes."""
        url = self.urls[number]
        project = self.project.in_its_image
        command = [*project.poe_command, "--quiet", "serve"]
        given = self.variables | {"PORT": url.rpartition(":")[2]}
        ready = functools.partial(answers, f"{url}/health/ready")
        return project.running(command, given, self.directory / f"log-{number}", ready)


@pytest.fixture(scope="module", params=PROGRAMS)
def service(
    request: pytest.FixtureRequest, template: Path, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    if nginx.PROGRAM is None:
        pytest.skip("needs nginx")
    directory = tmp_path_factory.mktemp(request.param)
    answered: dict[str, Any] = {"auth": "none", "target": ["compose"], "live": request.param}
    project = set_up(render(template, directory / "service", framework="fastapi", **answered))
    variables: dict[str, Any] = {"REDIS_URL": redis.url, "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3"}
    project.run("alembic", "upgrade", "head", **variables)
    with ExitStack() as stack:
        urls = [f"http://127.0.0.1:{port}" for port in free_ports(2)]
        service = Service(project, request.param, variables, directory, urls, "", [])
        service.processes = [stack.enter_context(service.serving(number)) for number in range(2)]
        servers = [urls[0].removeprefix("http://")]
        service.proxy = stack.enter_context(nginx.running(project.path, directory / "nginx", servers)).url
        yield service


def test_the_projects_own_tests_pass_on_redis(service: Service) -> None:
    """They are in memory elsewhere."""
    names = [f"tests/core/test_{'sockets' if service.live == 'websocket' else 'events'}.py"]
    printed = service.project.run("pytest", "-q", "tests/core/test_live.py", "tests/rooms", *names, **service.variables)
    assert "skipped" not in printed


def test_processes_follow_each_other_and_clients_resume(service: Service) -> None:
    """Through nginx, which passes on each event at once."""
    program, reason = PROGRAMS[service.live]
    process = str(service.processes[0].pid)
    printed = service.project.run("python", "-c", program, service.proxy, service.urls[1], process)
    assert json.loads(printed) == [["from one", "from two"], reason, "meanwhile"]
    assert service.processes[0].wait(10) in (0, -signal.SIGTERM)  # no connection held it up
    metrics = ask(f"{service.urls[1]}/metrics").body.decode()
    assert "\nlive_connections_max 1000.0\n" in metrics
    assert 'live_connections_closed_total{reason="left"} 2.0' in metrics


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


def enter(page: Page, room: str, name: str) -> None:
    """Opens a room as somebody, who is then present."""
    page.goto(room)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Enter").click()
    connected(page)


def connected(page: Page) -> None:
    expect(page.locator("#inside")).to_have_attribute("data-state", "open", timeout=30_000)


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("")  # it is sent


def shows(page: Page, *entries: str) -> None:
    """Waits until these are the messages of the page, each once and in this order."""
    expect(page.locator("#messages li")).to_have_text(list(entries), timeout=30_000)


@in_a_browser
def test_pages_follow_each_other_across_a_deployment(service: Service, browser: Browser, tmp_path: Path) -> None:
    """Through nginx, whose server is replaced, and through another process. Nothing is missed or shown twice."""
    room = f"/rooms/{service.live}"  # the other parameter's room is in the same Redis
    proxy, other = (url.replace("127.0.0.1", "localhost") + room for url in (service.proxy, service.urls[1]))
    refused = ("502", "503", "ERR_", "WebSocket connection")  # while the server is replaced
    with ExitStack() as stack:
        if service.processes[0].poll() is None:
            service.processes[0].send_signal(signal.SIGTERM)
            service.processes[0].wait(20)
        old = stack.enter_context(service.serving(0))
        with watched(browser, *refused) as ada, watched(browser) as grace:
            enter(ada, proxy, "Ada")
            enter(grace, other, "Grace")
            for page in (ada, grace):
                expect(page.locator("#present li")).to_have_text(["Ada", "Grace"])
            say(ada, "one")
            say(grace, "two <b>")
            said = ["Ada: one", "Grace: two <b>"]
            for page in (ada, grace):
                shows(page, *said)
            fits_every_screen(grace, tmp_path / "room")

            old.send_signal(signal.SIGTERM)
            expect(ada.locator("#inside")).to_have_attribute("data-state", "closed")
            old.wait(20)
            say(grace, "meanwhile")
            stack.enter_context(service.serving(0))
            connected(ada)
            say(ada, "again")
            said += ["Grace: meanwhile", "Ada: again"]
            for page in (ada, grace):
                shows(page, *said)
            for page in (ada, grace):
                page.goto("about:blank")


@in_a_browser
def test_a_page_reconnects_if_it_hears_nothing(service: Service, browser: Browser) -> None:
    """As if the network had dropped the connection without a sign, for longer than the service is ever silent."""
    with watched(browser) as page:
        page.clock.install()
        enter(page, f"{service.urls[1].replace('127.0.0.1', 'localhost')}/rooms/{service.live}-silent", "Ada")
        page.clock.fast_forward(41_000)
        expect(page.locator("#inside")).to_have_attribute("data-state", "closed")
        page.clock.fast_forward(10_000)
        connected(page)
        page.goto("about:blank")


@in_a_browser
@pytest.mark.parametrize("live", PROGRAMS)
def test_a_member_logs_in_and_stays_when_a_token_ends(
    live: str, browser: Browser, template: Path, tmp_path: Path
) -> None:
    """Without Redis, in development. Once the session has ended, the page asks for the password."""
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth="jwt", live=live))
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    expected = ("400 (Bad Request)", "401 (Unauthorized)")
    with served(project, "run", tmp_path / "log", **variables) as url, watched(browser, *expected) as page:
        url = url.replace("127.0.0.1", "localhost")
        page.goto(url)
        page.get_by_role("link", name="Room").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Room lobby")
        fits_every_screen(page, tmp_path / "login")
        log_in(page, "wrong")
        expect(page.get_by_role("alert")).to_have_text("The email address or the password is wrong.")
        log_in(page, PASSWORD)
        connected(page)
        say(page, "one")
        expect(page.locator("#messages li")).to_have_count(1)

        # The next requests are as if the token had expired: the page renews it.
        page.route("**/posts", without_token, times=1)
        say(page, "two")
        expect(page.locator("#messages li")).to_have_count(2)

        form: dict[str, str | float | bool] = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
        token = page.request.post(f"{url}/api/token", form=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert page.request.delete(f"{url}/api/accounts/me/sessions", headers=headers).status == 204
        page.get_by_role("textbox", name="Message").fill("three")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("alert")).to_have_text("Your session has ended. Log in again.")
        expect(page.get_by_label("Password")).to_be_visible(timeout=60_000)  # once the connection has ended as well
        log_in(page, PASSWORD)
        connected(page)
        expect(page.locator("#messages li")).to_have_count(2)
        page.goto("about:blank")


EMAIL, PASSWORD = "dev@example.com", "for-development"  # of `poe seed`


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def without_token(route: Route) -> None:
    headers = {name: value for name, value in route.request.headers.items() if name != "authorization"}
    route.continue_(headers=headers)
