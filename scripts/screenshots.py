"""Take the screenshots in docs/pages.md of a new Django project: python scripts/screenshots.py"""

import base64
import os
import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.projects import Project, served, set_up_alone  # noqa: E402
from tests.test_pages import HOST, PASSWORD, SCHEMES, SCREENS, launch  # noqa: E402
from tests.tools import commit_all, copy_working_tree, render_anew  # noqa: E402

IMAGES = ROOT / "docs" / "screenshots"
PAGE = ROOT / "docs" / "pages.md"
ANSWERS = {"framework": "django", "name": "Book Club", "slug": "book_club", "login": "allauth", "admin": "django"}
DESCRIPTION = "Which books we read, and what we thought of them."
BOOKS = """
from book_club.items.models import Item
for name in ("Emma", "Middlemarch", "Orlando", "Possession", "Rebecca", "Silas Marner", "The Waves"):
    Item.objects.create(name=name, quantity=len(name), description="One copy for each reader, and one for the shelf.")
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
TITLES = {
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
CONVERT = """async png => {
    const image = new Image()
    image.src = `data:image/png;base64,${png}`
    await image.decode()
    const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height})
    canvas.getContext("2d").drawImage(image, 0, 0)
    return canvas.toDataURL("image/webp", 0.8)
}"""
ABOUT = """# The pages of a Django project

A new project with pages, accounts (`login: allauth`) and an admin, in development, on a desktop and on a phone, light
and dark. `python scripts/screenshots.py` takes the screenshots again.
"""


def take(project: Project, directory: Path) -> None:
    """Take each page's screenshots."""
    variables = {"DATABASE_URL": f"sqlite:///{directory}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    project.poe("manage", "shell", "--no-imports", "--command", BOOKS, code=0, **variables)
    create = ("manage", "createsuperuser", "--noinput", f"--email={EMAIL}")
    project.poe(*create, code=0, DJANGO_SUPERUSER_PASSWORD=PASSWORD, **variables)
    with served(project, "run", directory / "log", **variables) as address, sync_playwright() as playwright:
        url = address.replace("127.0.0.1", HOST)
        browser = launch(playwright)
        page, converter = browser.new_page(), browser.new_page()
        for name, path in PAGES.items():
            if name == LOG_IN_BEFORE:
                log_in(page, url)
            page.goto(url + path)
            for scheme, (width, height) in product(SCHEMES, SCREENS):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": height})
                page.evaluate("Promise.allSettled(document.getAnimations().map(({finished}) => finished))")
                (IMAGES / f"{name}-{width}-{scheme}.webp").write_bytes(to_webp(converter, page.screenshot()))
        browser.close()


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
    page.get_by_role("heading", name="Your account").wait_for()


def written() -> str:
    """Return the page that shows them."""
    parts = [ABOUT]
    for name, title in TITLES.items():
        images = [
            f'<img src="screenshots/{name}-{width}-{scheme}.webp" height="300" alt="{title}, {device}, {scheme}">'
            for scheme, (width, device) in product(SCHEMES, ((1280, "desktop"), (390, "phone")))
        ]
        parts.append("\n".join([f"## {title}\n", *images, ""]))
    return "\n".join(parts)


def main() -> None:
    """Render a project, and look at its pages."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        os.environ["GROUNDPLAN_SHARED"] = name + "/shared"
        template = directory / "template"
        copy_working_tree(template)
        commit_all(template, "The template", init=True)
        project = render_anew(template, directory / "service", **ANSWERS, description=DESCRIPTION)
        take(set_up_alone(project), directory)
    PAGE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
