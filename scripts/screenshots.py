"""Take the screenshots in docs/pages.md of new projects: python scripts/screenshots.py [django|fastapi]"""

import base64
import os
import re
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.processes import free_port  # noqa: E402
from tests.projects import Project, ask, served, set_up_alone  # noqa: E402
from tests.test_client import EMAIL as ACCOUNT  # noqa: E402
from tests.test_client import PASSWORD as ACCOUNTS_PASSWORD  # noqa: E402
from tests.test_client import client_of, items, token  # noqa: E402
from tests.test_client import log_in as log_in_at_client  # noqa: E402
from tests.test_pages import HOST, PASSWORD, SCHEMES, SCREENS, launch, log_in_at_docs, try_to_create  # noqa: E402
from tests.tools import commit_all, copy_working_tree, render_anew  # noqa: E402

IMAGES = ROOT / "docs" / "screenshots"
PAGE = ROOT / "docs" / "pages.md"
NAMES = {"name": "Book Club", "slug": "book_club"}
ANSWERS: dict[str, dict[str, str | bool]] = {
    "django": {"login": "allauth", "admin": "django"},
    "fastapi": {"auth": "jwt", "client": True},
}
DESCRIPTION = "Which books we read, and what we thought of them."
BOOKS = "Emma", "Middlemarch", "Orlando", "Possession", "Rebecca", "Silas Marner", "The Waves"
ABOUT_BOOKS = "One copy for each reader, and one for the shelf."
ADD_BOOKS = f"""
from book_club.items.models import Item
for name in {BOOKS}:
    Item.objects.create(name=name, quantity=len(name), description="{ABOUT_BOOKS}")
"""
EMAIL = "ada@example.com"
PAGES = {  # those before the login, and those after it
    "home": "/",
    "list": "/items/",
    "login": "/account/login/",
    "sign-up": "/account/signup/",
    "item": "/items/2/",
    "form": "/items/2/edit/",
    "account": "/account/",
    "factors": "/account/2fa/",
    "admin": "/admin/items/item/",
}
LOG_IN_BEFORE = "item"
DJANGO = {
    "home": "Home page",
    "list": "List with search and paging",
    "login": "Login",
    "sign-up": "Sign-up",
    "item": "One item",
    "form": "Form",
    "account": "Account",
    "factors": "Second factors",
    "admin": "Admin",
}
EXAMPLES = {  # the pages of other products: the path, and a title
    "ecommerce": {
        "shop": ("/shop/", "Shop (`product: ecommerce`)"),
        "basket": ("/shop/basket/", "Basket"),
    },
    "cms": {"article": ("/articles/welcome/", "Article (`product: cms`)")},
    "internal_tool": {
        "tool": ("/admin/", "Admin of an internal tool (`product: internal_tool`)"),
        "tickets": ("/admin/tickets/ticket/", "Tickets"),
    },
}
FASTAPI = {
    "client": "Example of a single-page application",
    "client-form": "Its form, after somebody else has changed the item",
    "docs": "Documentation of the API",
    "docs-login": "Its login",
    "docs-call": "A request with a token",
}
CONVERT = """async png => {
    const image = new Image()
    image.src = `data:image/png;base64,${png}`
    await image.decode()
    const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height})
    canvas.getContext("2d").drawImage(image, 0, 0)
    return canvas.toDataURL("image/webp", 0.8)
}"""
ABOUT_DJANGO = """# The pages of new projects

In development, on a desktop and on a phone, light and dark. `python scripts/screenshots.py` takes the screenshots
again.

## Django

A project with pages, accounts (`login: allauth`) and an admin.
"""
ABOUT_FASTAPI = """## FastAPI

A project with accounts (`auth: jwt`) and an example of a client (`client: true`), which is on another origin.
"""


def schemes_of(name: str) -> list[Literal["light", "dark"]]:
    """Return the colour schemes of a page; Swagger UI has only one."""
    return SCHEMES[:1] if name.startswith("docs") else SCHEMES


class Camera:
    """Takes screenshots of a browser's page."""

    def __init__(self, browser: Browser) -> None:
        self.page, self.converter = browser.new_page(), browser.new_page()

    def take(self, name: str) -> None:
        """Write a screenshot for each screen and scheme."""
        for scheme, (width, height) in product(schemes_of(name), SCREENS):
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.evaluate("Promise.allSettled(document.getAnimations().map(({finished}) => finished))")
            png = self.page.screenshot()
            (IMAGES / f"{name}-{width}-{scheme}.webp").write_bytes(to_webp(self.converter, png))


def take_django(project: Project, directory: Path, browser: Browser) -> None:
    """Take each page's screenshots."""
    variables = {"DATABASE_URL": f"sqlite:///{directory}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    project.poe("manage", "shell", "--no-imports", "--command", ADD_BOOKS, code=0, **variables)
    create = ("manage", "createsuperuser", "--noinput", f"--email={EMAIL}")
    project.poe(*create, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **variables)
    with served(project, "run", directory / "log", **variables) as address:
        url = address.replace("127.0.0.1", HOST)
        camera = Camera(browser)
        for name, path in PAGES.items():
            if name == LOG_IN_BEFORE:
                log_in(camera.page, url)
            camera.page.goto(url + path)
            camera.take(name)
        camera.page.goto("about:blank")


def take_example(project: Project, product: str, directory: Path, browser: Browser) -> None:
    """Take screenshots of the example's pages, with the rows of `poe seed`."""
    variables = {"DATABASE_URL": f"sqlite:///{directory}/{product}.sqlite3"}
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    create = ("manage", "createsuperuser", "--noinput", f"--email={EMAIL}")
    project.poe(*create, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **variables)
    with served(project, "run", directory / f"{product}.log", **variables) as address:
        url = address.replace("127.0.0.1", HOST)
        camera = Camera(browser)
        if product == "internal_tool":
            log_in(camera.page, url)
        for name, (path, _) in EXAMPLES[product].items():
            if name == "basket":
                camera.page.goto(f"{url}/shop/products/oak-chair/")
                camera.page.get_by_role("button", name="Add to the basket").click()
                camera.page.get_by_text("Total:").wait_for()
            camera.page.goto(url + path)
            camera.take(name)
        camera.page.goto("about:blank")


def take_fastapi(project: Project, directory: Path, browser: Browser) -> None:
    """Take screenshots of the client and of the API's documentation in use."""
    port = free_port()
    variables = {"DATABASE_URL": f"sqlite:///{directory}/db.sqlite3", "CORS_ORIGINS": f"http://{HOST}:{port}"}
    seed = project.package / "seed.py"
    listed = f"ITEMS = { {name: len(name) for name in BOOKS} }\n"
    seed.write_text(re.sub(r"^ITEMS = .*\n", listed, seed.read_text(), flags=re.MULTILINE))
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    with served(project, "run", directory / "log", **variables) as address:
        api, camera = address.replace("127.0.0.1", HOST), Camera(browser)
        page = camera.page
        with client_of(project, api, directory / "client.log", port) as url:
            page.goto(url)
            log_in_at_client(page)
            page.get_by_role("button", name="New item").wait_for()
            camera.take("client")
            page.get_by_role("button", name="Edit Emma").click()
            emma = f"{api}/api/v1/items/{items(api)['Emma']['id']}"
            ask(emma, "PATCH", {"quantity": 5, "description": ABOUT_BOOKS}, Authorization=token(api))
            page.get_by_label("Quantity").fill("6")
            page.get_by_role("button", name="Save").click()
            page.get_by_text("Somebody else has changed this item").wait_for()
            camera.take("client-form")
        page.goto(f"{api}/api/docs")
        page.locator(".opblock-post").first.wait_for()
        camera.take("docs")
        form = log_in_at_docs(page, ACCOUNT, ACCOUNTS_PASSWORD)
        camera.take("docs-login")
        form.locator(".btn-done").click()
        answer = try_to_create(page, '{"name": "Villette", "quantity": 8}')
        answer.scroll_into_view_if_needed()
        camera.take("docs-call")
        page.goto("about:blank")


def to_webp(page: Page, png: bytes) -> bytes:
    """Convert an image, to make it smaller."""
    data: str = page.evaluate(CONVERT, base64.b64encode(png).decode())
    return base64.b64decode(data.partition(",")[2])


def log_in(page: Page, url: str) -> None:
    """Log in as a superuser."""
    page.goto(f"{url}/account/login/")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign In", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for()


def written() -> str:
    """Return the page that shows them."""
    parts = []
    examples = {name: title for pages in EXAMPLES.values() for name, (_, title) in pages.items()}
    for about, titles in ((ABOUT_DJANGO, DJANGO | examples), (ABOUT_FASTAPI, FASTAPI)):
        parts.append(about)
        for name, title in titles.items():
            images = [
                f'<img src="screenshots/{name}-{width}-{scheme}.webp" height="300" alt="{title}, {device}, {scheme}">'
                for scheme, (width, device) in product(schemes_of(name), ((1280, "desktop"), (390, "phone")))
            ]
            parts.append("\n".join([f"### {title}\n", *images, ""]))
    return "\n".join(parts)


def main() -> None:
    """Render a project of each framework that is named, or of both, and take its screenshots."""
    IMAGES.mkdir(exist_ok=True)
    for framework in sys.argv[1:] or ANSWERS:
        with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
            directory = Path(name)
            os.environ["GROUNDPLAN_SHARED"] = name + "/shared"
            template = directory / "template"
            copy_working_tree(template)
            commit_all(template, "The template", init=True)
            answers = {"framework": framework, "description": DESCRIPTION, **NAMES, **ANSWERS[framework]}
            project = set_up_alone(render_anew(template, directory / "service", **answers))
            take = take_django if framework == "django" else take_fastapi
            browser = launch(playwright)
            take(project, directory, browser)
            for kind in EXAMPLES if framework == "django" else ():
                answers |= {"product": kind}
                take_example(set_up_alone(render_anew(template, directory / kind, **answers)), kind, directory, browser)
    PAGE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
