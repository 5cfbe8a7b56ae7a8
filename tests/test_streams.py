"""Live connections of FastAPI on real servers: two processes follow each other through Redis, and stop."""

import functools
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests import nginx
from tests.processes import answers, free_ports
from tests.projects import Project, ask, set_up
from tests.redis import Server as Redis
from tests.tools import render

pytestmark = [pytest.mark.slow, pytest.mark.option("websocket", "sse")]

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
    urls: list[str]
    proxy: str
    processes: list["Popen[bytes]"]


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
        service = Service(project, request.param, variables, urls, "", [])
        for number, url in enumerate(urls):
            command = [*project.poe_command, "--quiet", "serve"]
            given = variables | {"PORT": url.rpartition(":")[2]}
            ready = f"{url}/health/ready"
            log = directory / f"log-{number}"
            running = project.running(command, given, log, functools.partial(answers, ready))
            service.processes.append(stack.enter_context(running))
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
