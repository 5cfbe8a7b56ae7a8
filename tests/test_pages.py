"""Pages in a real browser, with the service's security headers: nothing is blocked, and no other host is asked."""

import base64
import hmac
import json
import re
import shutil
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from tests import nginx
from tests.accessibility import problems
from tests.identity import identity
from tests.postgres import Server
from tests.processes import free_port
from tests.projects import Project, Service, ask, in_production, served, set_up
from tests.recipes import accept_uploads
from tests.tools import FRAMEWORKS, render, run

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
    with watched(browser) as page:
        yield page


@contextmanager
def watched(browser: Browser, *expected: str) -> Iterator[Page]:
    """A page that must not report other errors than expected, such as violations of its policy, or ask another host."""
    complaints = list[str]()

    def note(text: str) -> None:
        if not any(each in text for each in expected):
            complaints.append(text)

    def note_foreigner(request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob"} and urlsplit(request.url).hostname != HOST:
            note(f"asked {request.url}")

    page = browser.new_page(viewport={"width": 1200, "height": 900})

    def note_complaint(message: ConsoleMessage) -> None:
        # Browsers ask for an icon where a page names none, such as a page that shows only JSON.
        if message.type in {"error", "warning"} and not message.location["url"].endswith("/favicon.ico"):
            note(message.text)

    page.on("console", note_complaint)
    page.on("pageerror", lambda error: note(str(error)))
    page.on("request", note_foreigner)

    def note_failure(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the test has left the page before it was complete
            note(f"{request.url} failed: {request.failure}")

    page.on("requestfailed", note_failure)
    page.set_default_timeout(15_000)
    yield page
    page.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("framework", "api"),
    [*(pytest.param("django", api, marks=pytest.mark.in_turn) for api in ("ninja", "drf")), ("fastapi", "")],
)
def test_the_apis_page_can_be_used(
    framework: str, api: str, page: Page, template: Path, postgres: Server, tmp_path: Path
) -> None:
    answers = {"login": "allauth", "api": api} if framework == "django" else {}
    with in_production(template, framework, tmp_path, postgres, **answers) as service:
        if framework == "django":
            create_superuser = ("manage", "createsuperuser", "--noinput", "--email=ada@example.com")
            service.project.poe(*create_superuser, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **service.variables)
            open_page(page, service, "/account/login/")
            page.get_by_label("Email").fill("ada@example.com")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign In", exact=True).click()
            expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        policy = open_page(page, service, "/" if framework == "fastapi" else "/api/docs")  # FastAPI redirects to it
        assert urlsplit(page.url).path == "/api/docs"
        assert policy["script-src"]
        page.locator(".opblock-post").first.wait_for()
        assert problems(page, *OF_SWAGGER_UI) == []
        answer = try_to_create(page, '{"name": "From the browser"}')
        expect(answer.locator("tbody .response-col_status").first).to_contain_text("201")
        expect(answer).to_contain_text("From the browser")
        page.screenshot(path=tmp_path / "docs.png", full_page=True)
        page.goto("about:blank")  # open connections would delay the shutdown


def try_to_create(page: Page, body: str) -> Locator:
    """Call the first operation that creates something, and return what the page shows of the response."""
    page.locator(".opblock-post").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("textarea").first.fill(body)
    page.get_by_role("button", name="Execute").click()
    return page.locator(".live-responses-table")


def log_in_at_docs(page: Page, email: str, password: str) -> Locator:
    """Log in with the password of an account, and return the dialog of the API's page."""
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_label("username").fill(email)
    dialog.get_by_label("password").fill(password)
    dialog.locator("button.authorize").click()
    expect(dialog.get_by_text("Logout")).to_be_visible()
    return dialog


@pytest.mark.option("jwt")
def test_the_apis_page_logs_in_with_a_password(browser: Browser, template: Path, tmp_path: Path) -> None:
    """Without a token, the same request is refused."""
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth="jwt"))
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    with (
        served(project, "run", tmp_path / "log", **variables) as url,
        watched(browser, "401 (Unauthorized)") as page,
    ):
        open_page(page, Service(project, variables, url), "/api/docs")
        status = try_to_create(page, '{"name": "From the browser"}').locator("tbody .response-col_status").first
        expect(status).to_contain_text("401")
        log_in_at_docs(page, "dev@example.com", "for-development").locator(".btn-done").click()
        page.get_by_role("button", name="Execute").click()
        expect(status).to_contain_text("201")
        page.goto("about:blank")


# Rules that Swagger UI breaks, or the page of FastAPI or Django Ninja around it.
OF_SWAGGER_UI = (
    "color-contrast",
    "nested-interactive",
    "heading-order",
    "region",
    "landmark-one-main",
    "html-has-lang",
)
ADMIN = {"django": ["Admin"], "fastapi": []}
SCREENS = [(1280, 800), (390, 800)]
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_development_has_a_first_page(framework: str, page: Page, template: Path, tmp_path: Path) -> None:
    """It is styled under the policy of production, fits every screen, and links to what exists."""
    answers: dict[str, object] = {"framework": framework, "name": "Süß & <Sauer>"}
    if framework == "django":
        answers |= {"pages": False, "login": "none"}
    project = set_up(render(template, tmp_path / "service", **answers))
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    with served(project, "run", tmp_path / "log", **variables) as url:
        service = Service(project, variables, url)
        policy = open_page(page, service, "/")
        assert policy["style-src"].split()[0] == "'self'"
        expect(page).to_have_title("Süß & <Sauer>")
        expect(page.get_by_role("heading", level=1)).to_have_text("Süß & <Sauer>")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        readme = (project.path / "README.md").read_text()
        for command in page.locator("pre").all_inner_texts():
            assert all(line in readme for line in command.splitlines()), command
        for heading in page.get_by_role("heading", level=2).all_inner_texts()[:1]:
            assert f"## {heading}\n" in readme

        fits_every_screen(page, tmp_path / "home")

        links = page.get_by_role("navigation").get_by_role("link")
        assert links.all_inner_texts() == ["API documentation", *ADMIN[framework], "Health"]
        for link in links.all_inner_texts():
            with page.expect_navigation() as navigation:
                page.get_by_role("link", name=link).click()
            assert navigation.value.status == 200
            page.wait_for_load_state("networkidle")
            page.go_back()
        page.goto("about:blank")
    with served(project, "run", tmp_path / "log", API_DOCS="false", **variables) as url:
        assert b"api/docs" not in ask(f"{url}/").body


@pytest.mark.skipif(nginx.PROGRAM is None, reason="nginx is not installed")
def test_a_page_of_another_origin_can_call_the_api(
    browser: Browser, page: Page, template: Path, postgres: Server, tmp_path: Path
) -> None:
    """Through nginx, if CORS_ORIGINS names its origin: it asks before, and reads headers and errors."""
    with another_origin() as other, another_origin() as stranger:
        project = set_up(render(template, tmp_path / "service", framework="fastapi", target=["compose"]))
        database = {"DATABASE_URL": postgres.create(f"origins_{free_port()}")}
        project.poe("migrate", code=0, **database)
        variables = PRODUCTION | database | {"CORS_ORIGINS": f"https://app.example.com, {other}"}
        with (
            served(project, "serve", tmp_path / "log", **variables) as service,
            nginx.started(project.path, tmp_path / "nginx", [urlsplit(service).netloc]) as proxy,
        ):
            url = f"{proxy.replace('127.0.0.1', HOST)}/api/v1/items"
            page.goto(other)
            key = {"Idempotency-Key": "a"}
            created = page.evaluate(CALL, [url, "POST", {"name": "From another origin"}, key])
            again = page.evaluate(CALL, [url, "POST", {"name": "From another origin"}, key])
            assert (created["status"], created["body"]["name"]) == (201, "From another origin")
            assert created["headers"]["location"] == f"/api/v1/items/{created['body']['id']}"
            assert len(created["headers"]["x-request-id"]) == 32
            assert (again["body"], again["headers"]["idempotent-replayed"]) == (created["body"], "true")
            item, tag = f"{url}/{created['body']['id']}", {"If-Match": created["headers"]["etag"]}
            changed = page.evaluate(CALL, [item, "PATCH", {"quantity": 2}, tag])
            assert (changed["status"], changed["body"]["quantity"]) == (200, 2)
            with watched(
                browser, "412 (Precondition Failed)", "blocked by CORS policy", "net::ERR_FAILED"
            ) as other_page:
                other_page.goto(other)
                conflict = other_page.evaluate(CALL, [item, "PATCH", {"quantity": 3}, tag])
                assert (conflict["status"], conflict["body"]["title"]) == (412, "Precondition Failed")
                # Without cookies: a page cannot act in the name of a person who is logged in elsewhere.
                with pytest.raises(Error, match="Failed to fetch"):
                    other_page.evaluate(CALL, [url, "GET", None, {}, "include"])
                other_page.goto(stranger)
                with pytest.raises(Error, match="Failed to fetch"):
                    other_page.evaluate(CALL, [url, "GET", None])


PRODUCTION = {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "localhost,127.0.0.1"}
CALL = """async ([url, method, body, more, credentials]) => {
    const headers = {"Authorization": "Bearer x", "Content-Type": "application/json", ...more}
    const answer = await fetch(url, {method, headers, credentials, body: body && JSON.stringify(body)})
    return {status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.json()}
}"""


@contextmanager
def another_origin() -> Iterator[str]:
    """A site with an empty page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,>")

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.option("oidc")
def test_the_apis_page_logs_in_at_a_provider(page: Page, template: Path, tmp_path: Path) -> None:
    """With the authorization code flow and PKCE, in a window that the provider opens and this service closes."""
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth="oidc"))
    port = free_port()
    redirect = f"http://{HOST}:{port}/api/docs/oauth2-redirect"
    with identity(tmp_path / "provider.log", redirect) as provider:
        variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", **provider.variables()}
        project.poe("migrate", code=0, **variables)
        with served(project, "serve", tmp_path / "log", PORT=str(port), **variables):
            service = Service(project, variables, f"http://{HOST}:{port}")
            open_page(page, service, "/api/docs")
            page.get_by_role("button", name="Authorize").first.click()
            form = page.locator(".auth-container").filter(has_text="authorization_code")
            with page.expect_popup() as popup:
                form.locator("button.authorize").click()
            login = popup.value
            login.locator("[name=login]").fill("ada")
            login.locator("[name=password]").fill("any")
            login.get_by_role("button", name="Sign-in").click()
            with login.expect_event("close"):
                login.get_by_role("button", name="Continue").click()
            expect(form.get_by_text("Logout")).to_be_visible()
            page.get_by_role("button", name="Close").first.click()
            page.locator(".opblock", has_text="/api/me").click()
            page.get_by_role("button", name="Try it out").click()
            page.get_by_role("button", name="Execute").click()
            answer = page.locator(".live-responses-table")
            expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
            expect(answer).to_contain_text('"id": "ada"')
            expect(answer).to_contain_text('"items:write"')
            page.goto("about:blank")


@pytest.mark.option("pages", "stock_admin")
def test_the_pages_of_a_site_can_be_used(page: Page, template: Path, postgres: Server, tmp_path: Path) -> None:
    """In production, on every screen; the list without another document, and everything without scripts."""
    name = "Süß {{ 7 }} & <Sauer>"
    with in_production(template, "django", tmp_path, postgres, name=name, login="none") as service:
        shell = ("manage", "shell", "--no-imports", "--command")
        command = PREPARE.format(package=service.project.package.name)
        errors = json.loads(service.project.poe(*shell, command, code=0, **service.variables).splitlines()[-1])
        create_superuser = ("manage", "createsuperuser", "--noinput", "--email=ada@example.com")
        service.project.poe(*create_superuser, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **service.variables)

        open_page(page, service, "/")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.locator("header .brand")).to_have_text(name)
        expect(page.get_by_text("development")).to_have_count(0)
        fits_every_screen(page, tmp_path / "home")
        page.get_by_role("link", name="Browse the items").click()
        expect(page.get_by_text("1 to 20 of 46")).to_be_visible()
        fits_every_screen(page, tmp_path / "list")

        documents = list[str]()
        page.on("request", lambda request: documents.extend([request.url] * (request.resource_type == "document")))
        page.get_by_label("Search").press_sequentially("shelf")
        expect(page.get_by_text("1 to 20 of 45")).to_be_visible()
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_text("21 to 40 of 45")).to_be_visible()
        assert (documents, urlsplit(page.url).query) == ([], "q=shelf&page=2")
        page.go_back()
        expect(page.get_by_text("1 to 20 of 45")).to_be_visible()

        expect(page.get_by_role("link", name="Add an item")).to_have_count(0)
        page.evaluate("htmx.ajax('GET', '/items/add/', '#results')")  # redirected, as after the end of a session
        page.wait_for_url("**/login/?next=/items/add/")
        open_page(page, service, "/items/add/")
        fits_every_screen(page, tmp_path / "login", "page-has-heading-one")  # Django's admin has only a title
        page.get_by_label("Email address").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="Items").click()
        page.get_by_role("link", name="Add an item").click()
        page.get_by_label("Name").fill("Shelf 07")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".errorlist")).to_have_text("Item with this Name already exists.")
        fits_every_screen(page, tmp_path / "form")
        page.get_by_label("Name").fill("Lamp")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Lamp was added.")
        fits_every_screen(page, tmp_path / "item")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Description").fill("For the desk")
        fits_every_screen(page, tmp_path / "edit")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Lamp was changed.")
        page.get_by_role("link", name="Delete").click()
        fits_every_screen(page, tmp_path / "delete")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("status")).to_have_text("The item was deleted.")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)

        page.wait_for_load_state()
        page.route("**/*.html", lambda route: route.fulfill(body=errors[route.request.url.rpartition("/")[2]]))
        for template_name in errors:
            page.goto(f"{service.url.replace('127.0.0.1', HOST)}/{template_name}")
            expect(page.get_by_role("link", name="Go to the home page")).to_be_visible()
            fits_every_screen(page, tmp_path / template_name)
        page.goto("about:blank")

        missing = ask(f"{service.url}/nothing")
        assert (missing.status, b"Page not found" in missing.body) == (404, True)


# Adds items, and prints the error pages.
PREPARE = """
import json
from django.template.loader import render_to_string
from {package}.items.models import Item
Item.objects.create(name="Chair")
Item.objects.bulk_create(Item(name=f"Shelf {{number:02}}") for number in range(45))
pages = [f"{{name}}.html" for name in ("400", "403", "403_csrf", "404", "500", "503")]
print(json.dumps({{page: render_to_string(page) for page in pages}}))
"""


def fits_every_screen(page: Page, screenshot: Path, *excluded: str) -> None:
    """No text is cut off, and axe finds no problem, whether light or dark."""
    page.wait_for_load_state()  # after a click, a heading is visible before its style sheet has arrived
    backgrounds = set()
    for scheme, (width, height) in product(SCHEMES, SCREENS):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert problems(page, *excluded) == []
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.screenshot(path=screenshot.with_name(f"{screenshot.name}-{scheme}-{width}.png"), full_page=True)
    assert len(backgrounds) == len(SCHEMES)


@pytest.mark.option("admin", "tickets")
def test_the_admin_can_be_used(page: Page, template: Path, postgres: Server, tmp_path: Path) -> None:
    """Staff without a second factor are refused until they have added one. Tickets are imported from a file."""
    answers = {"login": "allauth", "admin": "django", "product": "internal_tool"}
    with accepting_mails() as mail, in_production(template, "django", tmp_path, postgres, mail, **answers) as service:
        create_superuser = ("manage", "createsuperuser", "--noinput", "--email=ada@example.com")
        service.project.poe(*create_superuser, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **service.variables)

        open_page(page, service, "/admin/")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign In", exact=True).click()
        expect(page.get_by_role("status").last).to_contain_text("The admin requires a passkey or an authenticator app.")
        open_page(page, service, "/admin/items/item/add/")
        expect(page).to_have_url(re.compile("/account/2fa/$"))
        fits_every_screen(page, tmp_path / "refused")
        page.get_by_role("link", name="Activate").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        secret = page.locator("#authenticator_secret").input_value()
        page.get_by_label("Authenticator code").fill(one_time_code(secret))
        page.get_by_role("button", name="Activate").click()
        expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()
        open_page(page, service, "/admin/")
        page.get_by_label("Code").fill(one_time_code(secret, later=1))
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
        fits_every_screen(page, tmp_path / "index")

        open_page(page, service, "/admin/items/item/add/")
        fits_every_screen(page, tmp_path / "add")
        page.get_by_label("Name").fill("From the admin")
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.locator(".success")).to_contain_text("was added successfully")
        page.get_by_label("Quantity").fill("7")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#result_list .field-quantity")).to_have_text("7")
        page.locator("#action-toggle").check()
        expect(page.locator(".action-counter").first).to_have_text("1 of 1 selected")
        fits_every_screen(page, tmp_path / "list")

        open_page(page, service, "/admin/tickets/ticket/import/")
        fits_every_screen(page, tmp_path / "import")
        for rows, message in {"T-1,,,open": "Line 2, title", "T-1,Order lamps,,open": "added or changed: 1"}.items():
            file = f"reference,title,description,status\n{rows}\n".encode()
            page.get_by_label("CSV file").set_input_files({"name": "t.csv", "mimeType": "text/csv", "buffer": file})
            page.get_by_role("button", name="Import").click()
            expect(page.get_by_text(message)).to_be_visible()
            fits_every_screen(page, tmp_path / "imported")
        page.locator("#action-toggle").check()
        page.get_by_label("Action:").select_option("finish")
        page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()
        expect(page.locator("#result_list .field-status")).to_have_text("Done")
        open_page(page, service, "/admin/")
        expect(page.get_by_text("Set to done.")).to_be_visible()
        fits_every_screen(page, tmp_path / "dashboard")

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
        fits_every_screen(page, tmp_path / "user", "aria-prohibited-attr")  # of Django's lists to choose from
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.locator(".success")).to_contain_text("was changed successfully")
        expect(page.locator("#id_user_permissions_to option")).to_have_count(1)
        page.goto("about:blank")


# Flaws of starlette-admin's templates: names of the user's menu, of buttons in messages and of dialogs, landmarks, and
# colours with a contrast of 4.46 instead of 4.5.
FLAWS = (
    *("label-content-name-mismatch", "aria-prohibited-attr", "aria-dialog-name", "color-contrast"),
    *("landmark-one-main", "page-has-heading-one", "region", "heading-order", "empty-table-header"),
)


@pytest.mark.option("starlette_admin")
def test_the_admin_of_fastapi_can_be_used(page: Page, template: Path, postgres: Server, tmp_path: Path) -> None:
    answers = {"auth": "jwt", "admin": "starlette_admin"}
    with in_production(template, "fastapi", tmp_path, postgres, **answers) as service:
        create = 'printf "%s" "$PASSWORD" | "$0" -m my_service.accounts create ada@example.com admin'
        python = service.project.environment / "bin" / "python"
        variables = service.project.variables | service.variables | {"PASSWORD": PASSWORD}
        run("sh", "-c", create, python, cwd=service.project.path, env=variables)

        page.goto(service.url.replace("127.0.0.1", HOST) + "/admin")
        page.get_by_label("Email address").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        assert problems(page, "landmark-one-main", "region") == []
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Items")).to_be_visible()
        (cookie,) = (cookie for cookie in page.context.cookies() if cookie["name"] == "__Host-admin")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")

        page.get_by_role("link", name="New item").click()
        page.get_by_label("Name").fill("From the admin")
        assert problems(page, *FLAWS) == []
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("was added successfully")
        assert problems(page, *FLAWS) == []
        page.locator("tbody a[href*='/edit']").click()
        page.get_by_label("Quantity").fill("7")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("was changed successfully")
        expect(page.locator("tbody tr")).to_contain_text("7")
        page.get_by_label("Page size").select_option(label="25")
        expect(page).to_have_url(re.compile("page_size=25"))
        page.locator("tbody a:has(.fa-trash)").click()
        page.get_by_role("button", name="Yes, delete").click()
        expect(page.get_by_role("alert")).to_contain_text("was successfully deleted")
        page.get_by_label("Open user menu").last.click()
        page.get_by_role("button", name="Logout").last.click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        page.goto("about:blank")


def with_uploads(project: Project) -> None:
    accept_uploads(project)
    project.poe("migrations", "documents")


@pytest.mark.option("allauth", "local_media")
def test_people_sign_up_and_add_second_factors(page: Page, template: Path, tmp_path: Path) -> None:
    with in_development(template, tmp_path, with_uploads, slug="service", login="allauth", media="local") as service:
        open_page(page, service, "/account/password/reset/")
        fits_every_screen(page, tmp_path / "reset")
        open_page(page, service, "/account/")
        fits_every_screen(page, tmp_path / "login")
        page.get_by_role("link", name="sign up").click()
        fits_every_screen(page, tmp_path / "sign-up")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign Up").click()
        expect(page.get_by_label("Code")).to_be_visible()
        fits_every_screen(page, tmp_path / "confirm")
        page.get_by_label("Code").fill(mailed(tmp_path / "log", r"^(\w{4}-\w{4})$"))
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        fits_every_screen(page, tmp_path / "account")

        page.get_by_role("link", name="Passkeys").click()
        page.get_by_role("link", name="Activate").click()
        fits_every_screen(page, tmp_path / "reauthenticate")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        fits_every_screen(page, tmp_path / "app")
        secret = page.locator("#authenticator_secret").input_value()
        page.get_by_label("Authenticator code").fill(one_time_code(secret))
        page.get_by_role("button", name="Activate").click()
        expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()

        device = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        open_page(page, service, "/account/2fa/webauthn/add/")
        fits_every_screen(page, tmp_path / "passkey")
        page.get_by_label("Passwordless").check()
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("status")).to_have_text("Security key added.")
        fits_every_screen(page, tmp_path / "factors")
        page.get_by_role("button", name="Sign out").click()
        open_page(page, service, "/account/login/")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()

        page.get_by_role("button", name="Sign out").click()
        open_page(page, service, "/account/login/")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign In", exact=True).click()
        fits_every_screen(page, tmp_path / "second-factor")
        page.get_by_role("button", name="Use a security key").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        page.get_by_role("link", name="Where you are").click()
        expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
        fits_every_screen(page, tmp_path / "sessions")
        for name in ("password/change", "email", "2fa/webauthn", "2fa/recovery-codes", "2fa/totp/deactivate", "logout"):
            open_page(page, service, f"/account/{name}/")
            # The table of security keys is allauth's.
            fits_every_screen(page, tmp_path / name.replace("/", "-"), "empty-table-header")

        open_page(page, service, "/documents/")
        fits_every_screen(page, tmp_path / "upload")
        page.get_by_label("Title").fill("Photo")
        page.get_by_label("File").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"<script>"})
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".errorlist")).to_have_text("The content is not that of a .png file.")
        page.get_by_label("File").set_input_files(tmp_path / "upload-light-390.png")
        page.get_by_role("button", name="Save").click()
        expect(page).to_have_url(re.compile("[0-9]/$"))
        page.wait_for_load_state()
        stored = next((service.project.path / "media").glob("documents.document/*.png"))
        shown = ask(f"{service.url}/media/documents.document/{stored.name}")
        assert (shown.headers["Content-Type"], shown.body) == ("image/png", stored.read_bytes())
        page.goto("about:blank")


@pytest.mark.option("articles")
def test_an_editor_sets_a_password_by_mail_and_publishes(page: Page, template: Path, tmp_path: Path) -> None:
    """Nobody is asked to sign up. A user who asks for too many emails sees a page that says so."""
    with in_development(template, tmp_path, slug="desk", product="cms", login="allauth") as service:
        service.project.poe("manage", "shell", "--no-imports", "--command", EDITOR, code=0, **service.variables)
        open_page(page, service, "/account/login/")
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
        expect(page.get_by_role("link", name="sign up")).to_have_count(0)
        fits_every_screen(page, tmp_path / "login")
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_role("button", name="Reset My Password").click()
        expect(page.get_by_text("We have sent you an email.")).to_be_visible()
        fits_every_screen(page, tmp_path / "sent")
        page.goto(mailed(tmp_path / "log", r"^(http://\S+/account/password/reset/key/\S+)$"))
        fits_every_screen(page, tmp_path / "new")
        page.get_by_label("New Password:").fill(PASSWORD)
        page.get_by_label("New Password (again)").fill(PASSWORD)
        page.get_by_role("button", name="Change Password").click()
        expect(page.get_by_text("Your password is now changed.")).to_be_visible()
        fits_every_screen(page, tmp_path / "set")
        open_page(page, service, "/account/login/")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign In", exact=True).click()
        expect(page.get_by_label("Code")).to_be_visible()
        page.get_by_label("Code").fill(mailed(tmp_path / "log", r"^(\w{4}-\w{4})$"))
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        open_page(page, service, "/admin/articles/article/add/")

        page.get_by_label("Title").press_sequentially("Lamps & chairs")
        expect(page.get_by_label("Address")).to_have_value("lamps-chairs")
        page.get_by_label("Summary").fill("All of them.")
        page.get_by_label("Text").fill("One.\n\nTwo.")
        fits_every_screen(page, tmp_path / "article-form")
        page.get_by_role("button", name="Save and continue editing").click()
        page.get_by_role("link", name="View on site").click()
        expect(page.get_by_text("it is not published")).to_be_visible()
        fits_every_screen(page, tmp_path / "draft")
        open_page(page, service, "/admin/articles/article/")
        page.locator("#action-toggle").check()
        page.get_by_label("Action:").select_option("publish")
        page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()
        expect(page.get_by_text("The articles are published.")).to_be_visible()
        fits_every_screen(page, tmp_path / "admin-list")
        open_page(page, service, "/articles/")
        fits_every_screen(page, tmp_path / "articles")
        page.get_by_role("link", name="Lamps & chairs").click()
        expect(page.locator(".text p").last).to_have_text("Two.")
        expect(page.get_by_text("it is not published")).to_have_count(0)
        fits_every_screen(page, tmp_path / "article")

        page.get_by_role("button", name="Sign out").click()
        open_page(page, service, "/account/password/reset/")
        token = page.locator(".card [name=csrfmiddlewaretoken]").input_value()
        form: dict[str, str | float | bool] = {"email": "ada@example.com", "csrfmiddlewaretoken": token}
        answers = [page.request.post(page.url, form=form) for _ in range(6)]
        page.route("**/limited", lambda route: route.fulfill(body=answers[-1].body(), content_type="text/html"))
        page.goto(f"{service.url.replace('127.0.0.1', HOST)}/limited")
        expect(page.get_by_role("heading", name="Too many attempts")).to_be_visible()
        assert answers[-1].status == 429
        fits_every_screen(page, tmp_path / "limited")
        page.goto("about:blank")


# A colleague whom an administrator has added, without a password.
EDITOR = """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
user = get_user_model().objects.create_user("ada@example.com", is_staff=True)
user.groups.set(Group.objects.filter(name__in=["editor", "reviewer"]))
"""


@pytest.mark.option("django_login")
@pytest.mark.parametrize("pages", [True, False])
def test_people_set_a_new_password_by_mail(page: Page, template: Path, tmp_path: Path, pages: bool) -> None:
    with in_development(template, tmp_path, login="django", pages=pages) as service:
        create_superuser = ("manage", "createsuperuser", "--noinput", "--email=ada@example.com")
        service.project.poe(*create_superuser, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **service.variables)
        open_page(page, service, "/account/")
        page.get_by_label("Email address").fill("ada@example.com")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        fits_every_screen(page, tmp_path / "login")
        page.get_by_role("link", name="Forgotten").click()
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("heading", name="Password reset sent")).to_be_visible()
        page.goto(mailed(tmp_path / "log", r"^(http://\S+/account/reset/\S+)$"))
        new = PASSWORD[::-1]
        page.get_by_label("New password:").fill(new)
        page.get_by_label("New password confirmation").fill(new)
        fits_every_screen(page, tmp_path / "password")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("main").get_by_role("link", name="Log in").click()
        page.get_by_label("Email address").fill("ada@example.com")
        page.get_by_label("Password").fill(new)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        fits_every_screen(page, tmp_path / "account")
        open_page(page, service, "/account/password_change/")
        fits_every_screen(page, tmp_path / "change")
        page.goto("about:blank")


@pytest.mark.option("shop")
def test_a_customer_buys_something(page: Page, template: Path, tmp_path: Path) -> None:
    """And the page of an order shows what the payment provider's events say."""
    with in_development(template, tmp_path, slug="service", product="ecommerce", login="allauth") as service:
        service.project.poe("seed", code=0, **service.variables)
        open_page(page, service, "/")
        page.get_by_role("link", name="Go to the shop").click()
        fits_every_screen(page, tmp_path / "shop")
        page.get_by_label("Search").press_sequentially("oak")
        expect(page.get_by_text("1 to 1 of 1")).to_be_visible()
        page.get_by_role("link", name="Oak chair").click()
        fits_every_screen(page, tmp_path / "product")
        page.get_by_label("Quantity").fill("2")
        page.get_by_role("button", name="Add to the basket").click()
        expect(page.get_by_text("Total: 360.00 EUR")).to_be_visible()
        fits_every_screen(page, tmp_path / "basket")
        page.get_by_role("link", name="Check out").click()
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Address").fill("1 High Street")
        fits_every_screen(page, tmp_path / "checkout")
        page.get_by_role("button", name="Order and pay 360.00 EUR").click()
        fits_every_screen(page, tmp_path / "stand-in")
        page.get_by_role("button", name="Pay", exact=True).click()
        expect(page.get_by_text("your order is paid")).to_be_visible()
        fits_every_screen(page, tmp_path / "order")
        order = page.url
        assert mailed(tmp_path / "log", r"^Your order: (http://\S+)$") == order
        page.get_by_role("link", name="Basket").click()
        expect(page.get_by_text("Your basket is empty.")).to_be_visible()
        fits_every_screen(page, tmp_path / "empty")
        page.goto("about:blank")


@pytest.mark.option("measurements")
def test_an_analyst_reads_measurements(page: Page, template: Path, tmp_path: Path) -> None:
    """The pages of a list follow each other, and a file has what the filters select."""
    with in_development(template, tmp_path, product="data_platform", login="allauth") as service:
        service.project.poe("seed", code=0, **service.variables)
        create_superuser = ("manage", "createsuperuser", "--noinput", "--email=ada@example.com")
        service.project.poe(*create_superuser, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **service.variables)
        open_page(page, service, "/admin/")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign In", exact=True).click()
        open_page(page, service, "/")
        page.get_by_role("link", name="Read the measurements").click()
        fits_every_screen(page, tmp_path / "measurements")
        page.get_by_label("Station").select_option("Hill")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tbody tr")).to_have_count(50)
        assert "Harbour" not in page.locator("tbody").inner_text()
        times = [page.locator("tbody td").first.inner_text()]
        page.get_by_role("link", name="Older").click()
        expect(page.get_by_role("link", name="Newest")).to_be_visible()
        times.append(page.locator("tbody td").first.inner_text())
        assert times == sorted(times, reverse=True)
        with page.expect_download() as download:
            page.get_by_role("link", name="All as CSV").click()
        text = download.value.path().read_text()
        assert (text.count("hill"), text.count("harbour"), text.count("\n")) == (240, 0, 241)
        page.get_by_role("link", name="Measurements").first.click()
        page.get_by_role("link", name="Report").click()
        expect(page.get_by_role("heading", name="Days, in °C")).to_be_visible()
        fits_every_screen(page, tmp_path / "report")
        page.goto("about:blank")


@pytest.mark.option("django_tasks")
def test_a_jobs_progress_moves(page: Page, template: Path, postgres: Server, tmp_path: Path) -> None:
    """By itself, from an import's upload to its result, once a worker is there."""
    file = tmp_path / "deliveries.csv"
    file.write_text("name,quantity\n" + "Lamp,1\n" * 1000 + "Chair,x\n")
    with in_production(template, "django", tmp_path, postgres, tasks="django_tasks", admin="none") as service:
        open_page(page, service, "/jobs/")
        fits_every_screen(page, tmp_path / "jobs")
        page.get_by_role("link", name="Import deliveries").click()
        fits_every_screen(page, tmp_path / "import")
        page.get_by_label("File").set_input_files(file)
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_text("0 of 11 parts are done.")).to_be_visible()
        fits_every_screen(page, tmp_path / "progress")
        address = page.url
        with service.project.running(["python", "manage.py", "worker"], service.variables, tmp_path / "worker"):
            page.get_by_role("link", name="Download the result").wait_for(timeout=60_000)
        assert page.url == address
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the result").click()
        assert download.value.path().read_text().startswith("line,problem\n1002,")
        fits_every_screen(page, tmp_path / "done")
        page.goto("about:blank")


# A device with a fingerprint reader, for example, whose owner always agrees.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


@contextmanager
def in_development(
    template: Path, directory: Path, change: Callable[[Project], object] = lambda _: None, **answers: object
) -> Iterator[Service]:
    """A project of Django, changed before it is served, which prints its mails into a file `log`."""
    project = set_up(render(template, directory / "service", framework="django", **answers))
    change(project)
    variables = {"DATABASE_URL": f"sqlite:///{directory}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    with served(project, "run", directory / "log", **variables) as url:
        yield Service(project, variables, url)


class MailHandler(socketserver.StreamRequestHandler):
    """Accepts mails, and forgets them."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while command := self.rfile.readline():
            if command.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
            self.wfile.write(b"250 done\r\n")


@contextmanager
def accepting_mails() -> Iterator[str]:
    """The URL of a mail server."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"smtp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def mailed(log: Path, pattern: str) -> str:
    """What an email contains, of which the service has just printed the last one."""
    return str(re.findall(pattern, log.read_text(encoding="utf-8"), re.MULTILINE)[-1])


def one_time_code(secret: str, later: int = 0) -> str:
    """What an authenticator app shows, now or in the next half minute: https://www.rfc-editor.org/rfc/rfc6238."""
    digest = hmac.digest(base64.b32decode(secret), int(time.time() // 30 + later).to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def open_page(page: Page, service: Service, path: str) -> dict[str, str]:
    """Open a URL and return its Content-Security-Policy."""
    answer = page.goto(service.url.replace("127.0.0.1", HOST) + path)
    assert answer is not None
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    return dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
