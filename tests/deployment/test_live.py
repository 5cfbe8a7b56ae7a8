"""Live updates on one machine: through nginx, and while a deployment replaces the server for WebSockets."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.deployment import stacks
from tests.deployment.engine import Engine
from tests.deployment.stacks import Stack
from tests.projects import ask
from tests.test_live import ENDS, follow, show
from tests.test_pages import CHROMIUM, launch
from tests.tools import render, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.option("live"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]
OPTIONS = {"login": "none", "admin": "none", "media": "none", "target": ["compose"]}


@pytest.fixture
def stack(engine: Engine, template: Path, tmp_path: Path) -> Iterator[Stack]:
    """Version 1 is deployed; version 2 has the same image."""
    project = render(template, tmp_path / "service", framework="django", slug="service", live="websocket", **OPTIONS)
    image = f"groundplan-live-{os.getpid()}"
    engine.build(project, f"{image}:v1")
    engine.run("tag", f"{image}:v1", f"{image}:v2")
    with stacks.deployed(stacks.configure(project, "django", image), "v1") as stack:
        yield stack
    run("docker", "rmi", "--force", f"{image}:v1", f"{image}:v2")


def test_pages_follow_changes_through_nginx_before_and_after_a_deployment(stack: Stack) -> None:
    def add(name: str) -> None:
        assert ask(f"{stack.url}/api/v1/items", "POST", {"name": name}).status == 201

    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        page.goto(f"{stack.url}/items/")
        follow([page])
        add("lamp")
        show([page], "lamp")

        url = stack.url.replace("http", "ws") + "/live/items/"
        page.evaluate(f"void (window.end = ({ENDS})(['{url}', '']))")  # do not wait
        assert page.evaluate("window.opened")
        stack.script("deploy.sh", "v2")
        assert page.evaluate("window.end") == [1012, ""]
        follow([page])
        add("chair")
        show([page], "chair")
        assert stack.container("live").state["Health"]["Status"] == "healthy"
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "open")
