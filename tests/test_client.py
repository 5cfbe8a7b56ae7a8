"""The example of a single-page application, in a real browser and on another origin than the API."""

import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests import processes
from tests.processes import free_port
from tests.projects import Project, ask, served, set_up
from tests.test_pages import CHROMIUM, HOST, fits_every_screen, launch, watched
from tests.tools import render

EMAIL, PASSWORD = "dev@example.com", "for-development"  # of `poe seed`
LOST = "net::ERR_FAILED"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("pages"),
    pytest.mark.skipif(CHROMIUM is None, reason="NOBODY TRIED THE CLIENT: there is no chromium on PATH"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@contextmanager
def client_of(project: Project, api: str, log: Path, port: int) -> Iterator[str]:
    """The project's client, as `poe client` serves it, for an API on another port."""
    page = project.path / "client" / "index.html"
    text = page.read_text()
    assert text.count("http://127.0.0.1:8000") == 2
    page.write_text(text.replace("http://127.0.0.1:8000", api))
    url = f"http://127.0.0.1:{port}"
    variables = {"CLIENT_PORT": str(port)}
    command = [*project.poe_command, "--quiet", "client"]
    with project.running(command, variables, log, lambda: processes.answers(url)):
        yield f"http://{HOST}:{port}"


@contextmanager
def both(template: Path, directory: Path, **answers: object) -> Iterator[tuple[str, str]]:
    """The API and the client of a project in development, which the API's CORS_ORIGINS names."""
    project = set_up(render(template, directory / "service", framework="fastapi", client=True, **answers))
    port = free_port()
    variables = {"DATABASE_URL": f"sqlite:///{directory}/db.sqlite3", "CORS_ORIGINS": f"http://{HOST}:{port}"}
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    with served(project, "run", directory / "log", **variables) as api:
        api = api.replace("127.0.0.1", HOST)
        with client_of(project, api, directory / "client.log", port) as url:
            yield api, url


def token(api: str) -> str:
    form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    body = urllib.parse.urlencode(form).encode()
    answer = ask(f"{api}/api/token", "POST", body, Content_Type="application/x-www-form-urlencoded")
    return f"Bearer {answer.json['access_token']}"


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def items(api: str) -> dict[str, Any]:
    return {item["name"]: item for item in ask(f"{api}/api/v1/items?limit=100").json["results"]}


@pytest.mark.option("client")
def test_people_log_in_and_edit_items(browser: Browser, template: Path, tmp_path: Path) -> None:
    expected = "400 (Bad Request)", "401 (Unauthorized)", "409 (Conflict)", "412 (Precondition Failed)", LOST
    with (
        both(template, tmp_path, auth="jwt", name="Süß {{ 7 }} & <Sauer>") as (api, url),
        watched(browser, *expected, "429 (Too Many Requests)") as page,
    ):
        owner = token(api)
        entries = [{"name": f"Shelf {number:02}"} for number in range(12)]
        ask(f"{api}/api/v1/items:bulk", "POST", {"entries": entries}, Authorization=owner)
        alert, message, rows = page.get_by_role("alert"), page.get_by_role("status"), page.locator("tbody tr")

        # Anybody reads, page by page.
        page.goto(url)
        expect(message).to_have_text("15 items")
        expect(page.get_by_role("heading", level=1)).to_have_text("Süß {{ 7 }} & <Sauer>")
        expect(page.get_by_role("button", name="New item")).to_be_hidden()
        expect(rows).to_have_count(10)
        page.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(15)
        expect(page.get_by_role("button", name="Show more")).to_be_hidden()
        page.get_by_label("Search").fill("amp")
        page.get_by_label("Search").press("Enter")
        expect(message).to_have_text("1 item")
        expect(rows).to_have_count(1)
        fits_every_screen(page, tmp_path / "anonymous")

        log_in(page, "wrong")
        expect(alert).to_have_text("The email address or the password is wrong.")
        log_in(page)
        expect(page.locator("#account")).to_contain_text(EMAIL)
        expect(alert).to_have_text("")
        fits_every_screen(page, tmp_path / "list")

        # A name that exists; then a response that is lost, which creates no second item.
        page.get_by_role("button", name="New item").click()
        page.get_by_label("Name").fill("Lamp")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#problem")).to_have_text("An item with this name already exists.")
        page.get_by_label("Name").fill("Vase")
        page.get_by_label("Description").fill("<b>Blue</b>")
        page.route(f"{api}/api/v1/items", lose, times=1)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#problem")).to_have_text("The service cannot be reached. Try again.")
        assert "Vase" in items(api)
        page.get_by_role("button", name="Save").click()
        expect(message).to_have_text("Vase is saved.")
        assert len(items(api)) == 16

        # A change meanwhile, which is shown before it is overwritten.
        page.get_by_label("Search").fill("vase")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("button", name="Edit Vase").click()
        expect(page.get_by_label("Description")).to_have_value("<b>Blue</b>")
        vase = f"{api}/api/v1/items/{items(api)['Vase']['id']}"
        ask(vase, "PATCH", {"quantity": 7}, Authorization=owner)
        page.get_by_label("Quantity").fill("2")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#problem")).to_contain_text("now “Vase”, its quantity 7, its description “<b>Blue</b>”.")
        fits_every_screen(page, tmp_path / "conflict")
        assert items(api)["Vase"]["quantity"] == 7
        page.route(vase, without_token, times=1)  # as if it had expired
        page.get_by_role("button", name="Save").click()
        expect(message).to_have_text("Vase is saved.")
        assert items(api)["Vase"]["quantity"] == 2

        # Two tabs refresh the same token.
        with page.expect_popup() as opened:
            page.evaluate("open(location.href)")
        tab = opened.value
        for _ in range(3):
            for each in (page, tab):
                each.evaluate("document.querySelector('#account').hidden = true; location.reload()")
            for each in (page, tab):
                expect(each.locator("#account")).to_contain_text(EMAIL)
        page.get_by_label("Search").fill("vase")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("button", name="Edit Vase").click()
        ask(vase, "PATCH", {"quantity": 8}, Authorization=owner)
        page.get_by_role("button", name="Delete").click()
        expect(page.locator("#problem")).to_contain_text("now “Vase”, its quantity 8, its description “<b>Blue</b>”.")
        page.get_by_role("button", name="Delete").click()
        expect(message).to_have_text("Vase is deleted.")
        assert "Vase" not in items(api)

        page.get_by_role("button", name="Log out").click()
        for each in (page, tab):
            expect(each.get_by_label("Password")).to_be_visible()
            expect(each.get_by_role("button", name="New item")).to_be_hidden()
        assert page.evaluate("localStorage.length") == 0
        tab.close()
        for _ in range(10):
            with page.expect_response(f"{api}/api/token"):
                log_in(page, "wrong")
        log_in(page, "wrong")
        expect(alert).to_have_text(re.compile(r"^Too many attempts\. Try again later\. Wait \d+ seconds\.$"))
        page.goto("about:blank")


def lose(route: Route) -> None:
    """Let a request arrive, but not its response."""
    route.fetch()
    route.abort()


def without_token(route: Route) -> None:
    headers = {name: value for name, value in route.request.headers.items() if name != "authorization"}
    route.continue_(headers=headers)


@pytest.mark.option("client")
def test_a_client_without_a_login_can_edit_too(browser: Browser, template: Path, tmp_path: Path) -> None:
    with both(template, tmp_path, auth="none") as (api, url), watched(browser) as page:
        page.goto(url)
        page.get_by_role("button", name="New item").click()
        page.get_by_label("Name").fill("Vase")
        fits_every_screen(page, tmp_path / "form")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Vase is saved.")
        page.get_by_role("button", name="Edit Vase").click()
        page.get_by_label("Quantity").fill("2")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row", name="Vase 2")).to_be_visible()
        page.get_by_role("button", name="Edit Vase").click()
        page.get_by_role("button", name="Cancel").click()
        assert items(api)["Vase"]["quantity"] == 2

        # The browser refuses another origin, even the same machine by another name.
        with watched(browser, "blocked by CORS policy", LOST, "127.0.0.1") as refused:
            refused.goto(url.replace(HOST, "127.0.0.1"))
            expect(refused.get_by_role("status")).to_have_text("The service cannot be reached. Try again.")
            expect(refused.locator("tbody tr")).to_have_count(0)
        page.goto("about:blank")
