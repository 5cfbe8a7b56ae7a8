"""Pages in a real browser, with the service's security headers: nothing is blocked, and no other host is asked."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, expect, sync_playwright

from tests.postgres import Server
from tests.projects import Service, in_production
from tests.tools import FRAMEWORKS

CHROMIUM = shutil.which("chromium")
HOST = "localhost"  # browsers accept its Secure cookies without HTTPS
PASSWORD = "not-a-secret-only-for-this-test"  # noqa: S105
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("pages"),
    pytest.mark.skipif(CHROMIUM is None, reason="NOBODY LOOKED AT THE PAGES: there is no chromium on PATH"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not report errors, such as violations of its policy, or ask another host."""
    complaints = list[str]()

    def note_foreigner(request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob"} and urlsplit(request.url).hostname != HOST:
            complaints.append(f"asked {request.url}")

    page = browser.new_page(viewport={"width": 1200, "height": 900})

    def note_complaint(message: ConsoleMessage) -> None:
        # Browsers ask every site for an icon; the admin has none.
        if message.type in {"error", "warning"} and not message.location["url"].endswith("/favicon.ico"):
            complaints.append(message.text)

    page.on("console", note_complaint)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", note_foreigner)
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} failed: {request.failure}"))
    page.set_default_timeout(15_000)
    yield page
    page.close()
    assert complaints == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_apis_page_can_be_used(
    framework: str, page: Page, template: Path, postgres: Server, tmp_path: Path
) -> None:
    with in_production(template, framework, tmp_path, postgres) as service:
        policy = open_page(page, service, "/api/docs")
        assert policy["script-src"]
        page.locator(".opblock-post").first.click()
        page.get_by_role("button", name="Try it out").click()
        page.locator("textarea").first.fill('{"name": "From the browser"}')
        page.get_by_role("button", name="Execute").click()
        answer = page.locator(".live-responses-table")
        expect(answer.locator("tbody .response-col_status").first).to_contain_text("201")
        expect(answer).to_contain_text("From the browser")
        page.screenshot(path=tmp_path / "docs.png", full_page=True)
        page.goto("about:blank")  # open connections would delay the shutdown


def test_the_admin_can_be_used(page: Page, template: Path, postgres: Server, tmp_path: Path) -> None:
    with in_production(template, "django", tmp_path, postgres) as service:
        create_superuser = ("manage", "createsuperuser", "--noinput", "--username=ada", "--email=")
        service.project.poe(*create_superuser, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **service.variables)

        open_page(page, service, "/admin/")
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Site administration")).to_be_visible()

        open_page(page, service, "/admin/items/item/add/")
        page.get_by_label("Name").fill("From the admin")
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.locator(".success")).to_contain_text("was added successfully")
        page.get_by_label("Quantity").fill("7")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#result_list .field-quantity")).to_have_text("7")
        page.locator("#action-toggle").check()
        expect(page.locator(".action-counter").first).to_have_text("1 of 1 selected")
        page.screenshot(path=tmp_path / "list.png", full_page=True)

        # The page with the most scripts: calendars, clocks and lists.
        open_page(page, service, "/admin/accounts/user/1/change/")
        page.locator(".field-date_joined .date-icon").click()
        page.locator(".calendarbox[open] td a", has_text=re.compile("^15$")).click()
        expect(page.locator("#id_date_joined_0")).to_have_value(re.compile("15"))
        page.locator(".field-date_joined .clock-icon").click()
        page.locator(".clockbox[open] a", has_text="Noon").click()
        expect(page.locator("#id_date_joined_1")).to_have_value("12:00:00")
        page.locator("#id_user_permissions_from option").first.click()
        page.locator("#id_user_permissions_add").click()
        expect(page.locator("#id_user_permissions_to option")).to_have_count(1)
        page.screenshot(path=tmp_path / "user.png", full_page=True)
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.locator(".success")).to_contain_text("was changed successfully")
        expect(page.locator("#id_user_permissions_to option")).to_have_count(1)
        page.goto("about:blank")


def open_page(page: Page, service: Service, path: str) -> dict[str, str]:
    """Open a URL and return its Content-Security-Policy."""
    answer = page.goto(service.url.replace("127.0.0.1", HOST) + path)
    assert answer is not None
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    return dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
