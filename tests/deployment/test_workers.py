"""Jobs and live updates on one machine, through nginx, while a worker is killed and a deployment replaces all."""

import contextlib
import json
import os
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.deployment import stacks
from tests.deployment.engine import Engine
from tests.deployment.stacks import Stack, until
from tests.projects import ask
from tests.test_live import ENDS, follow, show
from tests.test_pages import CHROMIUM, launch
from tests.test_tasks import RESEND, RESEND_OF_FASTAPI
from tests.tools import render, run

ROWS = 20_000  # of an import that takes some seconds
FILE = "/tmp/deliveries.csv"  # noqa: S108 - in a container
WRITE = f"""
with open("{FILE}", "w") as file:
    file.write("name,quantity\\n" + "".join(f"item {{n}},1\\n" for n in range({ROWS})))
"""
ANSWERS: dict[str, dict[str, Any]] = {
    "django": {"login": "none", "admin": "none", "media": "none", "live": "websocket", "tasks": "celery"},
    "fastapi": {"live": "sse", "tasks": "taskiq", "ml_serving": True},
}
IMPORT = {
    "django": ("python", "manage.py", "importdeliveries"),
    "fastapi": ("python", "-m", "service.item_jobs"),
}
SEND_AGAIN = {
    "django": ("python", "manage.py", "shell", "-c", RESEND.replace("my_service", "service")),
    "fastapi": ("python", "-c", RESEND_OF_FASTAPI.replace("my_service", "service")),
}
JOBS = {"django": "background_job", "fastapi": "jobs"}
FLOWER = {"sepal_length": 6.1, "sepal_width": 2.8, "petal_length": 4.7, "petal_width": 1.2}


@contextlib.contextmanager
def deployed(framework: str, engine: Engine, template: Path, tmp_path: Path) -> Iterator[Stack]:
    """Version 1 is deployed; version 2 has the same image."""
    answers = ANSWERS[framework] | {"target": ["compose"]}
    project = render(template, tmp_path / "service", framework=framework, slug="service", **answers)
    image = f"groundplan-workers-{framework}-{os.getpid()}"
    engine.build(project, f"{image}:v1")
    engine.run("tag", f"{image}:v1", f"{image}:v2")
    with stacks.deployed(stacks.configure(project, framework, image), "v1") as stack:
        yield stack
    run("docker", "rmi", "--force", f"{image}:v1", f"{image}:v2")


@contextlib.contextmanager
def importing(stack: Stack) -> Iterator[None]:
    """A job runs in the block, whose worker is killed first; it ends after the block, with each row imported once."""
    table = JOBS[stack.framework]

    def job() -> tuple[str, int]:
        status, position = stack.query(f"SELECT status, position FROM {table}").split("|")  # noqa: S608
        return status, int(position)

    def worker_is_healthy() -> bool:
        state = stack.container("worker").state
        return bool(state["Pid"] not in (0, killed) and state["Health"]["Status"] == "healthy")

    stack.output("exec", "-T", "web-a", "python", "-c", WRITE)
    stack.output("exec", "-T", "web-a", *IMPORT[stack.framework], FILE)
    until(lambda: job()[1] > 0)
    killed = stack.container("worker").state["Pid"]
    stacks.kill(stack.container("worker"))
    until(worker_is_healthy)
    assert job()[0] == "running"
    stack.output("exec", "-T", "web-a", *SEND_AGAIN[stack.framework])  # without the minutes that the scheduler waits
    yield
    stack.output("exec", "-T", "web-a", *SEND_AGAIN[stack.framework])
    until(lambda: job()[0] == "done")
    imported = f"SELECT count(*), min(quantity), max(quantity) FROM {stack.table} WHERE name LIKE 'item %'"  # noqa: S608
    assert stack.query(imported) == f"{ROWS}|1|1"


def add(stack: Stack, name: str) -> None:
    assert ask(f"{stack.url}/api/v1/items", "POST", {"name": name}).status == 201


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.option("live", "celery", "taskiq")
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_djangos_jobs_and_pages_survive_a_deployment(engine: Engine, template: Path, tmp_path: Path) -> None:
    with deployed("django", engine, template, tmp_path) as stack, sync_playwright() as playwright:
        page = launch(playwright).new_page()
        page.goto(f"{stack.url}/items/")
        follow([page])
        add(stack, "lamp")
        show([page], "lamp")
        connect(page, stack)
        with importing(stack):
            stack.script("deploy.sh", "v2")
        assert page.evaluate("window.end") == [1012, ""]
        follow([page])
        add(stack, "chair")
        show([page], "chair")
        for name in ("live", "worker", "scheduler"):
            assert stack.container(name).state["Health"]["Status"] == "healthy", name


def connect(page: Page, stack: Stack) -> None:
    """Opens a WebSocket of the page's own, and does not wait for its end."""
    page.evaluate(f"void (window.end = ({ENDS})(['{stack.url.replace('http', 'ws')}/live/items/', '']))")
    assert page.evaluate("window.opened")


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.option("live", "celery", "taskiq", "ml_serving")
def test_fastapis_jobs_events_and_models_survive_a_deployment(engine: Engine, template: Path, tmp_path: Path) -> None:
    with deployed("fastapi", engine, template, tmp_path) as stack:
        with events(stack) as stream:
            event(stream, "presence")
            say(stack, "before")
            before = event(stream, "message")
            with importing(stack):
                stack.script("deploy.sh", "v2")
            assert json.loads(event(stream, "end")["data"])["reason"] == "restart"
        say(stack, "meanwhile")
        with events(stack, before["id"]) as stream:
            assert json.loads(event(stream, "message")["data"])["text"] == "meanwhile"
        answer = ask(f"{stack.url}/api/v1/iris/predictions", "POST", FLOWER)
        assert (answer.status, answer.json["species"]) == (200, "versicolor")
        assert "are enough for" in stack.output("exec", "-T", "web-a", "python", "-m", "service.model_server")
        for name in ("worker", "scheduler"):
            assert stack.container(name).state["Health"]["Status"] == "healthy", name


def events(stack: Stack, after: str = "") -> contextlib.closing[HTTPResponse]:
    """The events of a room after a message, as a browser asks for them."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    request = urllib.request.Request(f"{stack.url}/live/rooms/lobby?name=Ada", headers=headers)
    return contextlib.closing(urllib.request.urlopen(request, timeout=300))


def event(stream: HTTPResponse, kind: str) -> dict[str, str]:
    """The fields of the next event of a kind."""
    fields: dict[str, str] = {}
    while line := stream.readline().decode():
        if line == "\n" and fields.get("event") == kind:
            return fields
        name, _, value = line.strip().partition(": ")
        fields = {} if line == "\n" else fields | {name: value}
    raise AssertionError(f"The stream ended without {kind}.")


def say(stack: Stack, text: str) -> None:
    assert ask(f"{stack.url}/api/v1/rooms/lobby/posts?name=Ada", "POST", {"text": text}).status == 201
