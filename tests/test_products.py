"""The examples that the kind of service brings: for content sites, internal tools and shops."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.projects import set_up, set_up_alone
from tests.recipes import follow
from tests.tools import commit_all, render, render_anew, run, tree

CMS = {"framework": "django", "product": "cms", "login": "allauth"}


@pytest.mark.option("articles", "tickets", "shop", "measurements")
@pytest.mark.parametrize(
    ("answers", "example"),
    [
        ({}, "articles"),
        ({"pages": False}, "none"),
        ({"admin": "stock"}, "none"),
        ({"product": "internal_tool"}, "tickets"),
        ({"product": "internal_tool", "admin": "stock"}, "none"),
        ({"product": "ecommerce"}, "shop"),
        ({"product": "ecommerce", "pages": False}, "none"),
        ({"product": "ecommerce", "admin": "stock"}, "none"),
        ({"product": "data_platform"}, "measurements"),
        ({"product": "data_platform", "pages": False}, "none"),
        ({"product": "data_platform", "admin": "stock"}, "none"),
    ],
)
def test_the_kind_of_service_decides(template: Path, tmp_path: Path, answers: dict[str, object], example: str) -> None:
    """Unless the project has no pages, or no admin with groups, for it. Pages link only to examples that it has."""
    files = tree(render(template, tmp_path / "service", **CMS | answers))
    pages = b"".join(text for name, text in files.items() if name.endswith(".html"))
    links = re.findall(rb'url "(?:admin:)?(articles|tickets|shop|measurements|items|item_jobs)[_:]', pages)
    for each in ("articles", "tickets", "shop", "measurements"):
        assert any(f"/{each}/" in name for name in files) == (each == example)
        assert each.encode() not in links or each == example
    assert answers.get("pages") is False or b"items" in links
    assert b"item_jobs" not in links


def test_a_default_is_one_of_the_framework(template: Path, tmp_path: Path) -> None:
    """Also if the other framework's entries are listed first."""
    answers = {"framework": "fastapi", "product": "realtime", "background": "essential"}
    recorded = (render(template, tmp_path / "service", **answers) / ".copier-answers.yml").read_text()
    assert "\nlive: websocket\n" in recorded
    assert "\ntasks: taskiq\n" in recorded


@pytest.mark.option("quotes")
@pytest.mark.parametrize(
    ("answers", "has_it"),
    [({}, True), ({"workload": "database"}, False), ({"product": "rest_api"}, False), ({"example": "none"}, False)],
)
def test_what_a_request_waits_for_decides(
    template: Path, tmp_path: Path, answers: dict[str, object], has_it: bool
) -> None:
    """Its tests are in the project."""
    given = {"framework": "fastapi", "product": "microservice", **answers}
    files = tree(render(template, tmp_path / "service", **given))
    assert any("/quotes/" in name for name in files) == has_it
    assert any(b"QUOTE_SUPPLIERS" in text for text in files.values()) == has_it


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"pages": False, "example": "articles"}, "Needs pages"),
        ({"admin": "stock", "example": "articles"}, "Needs admin"),
        ({"admin": "stock", "example": "tickets"}, "Needs admin"),
        ({"pages": False, "example": "shop"}, "Needs pages"),
        ({"admin": "stock", "example": "shop"}, "Needs admin"),
        ({"pages": False, "example": "measurements"}, "Needs pages"),
        ({"admin": "stock", "example": "measurements"}, "Needs admin"),
    ],
)
def test_what_an_example_needs_cannot_be_left_out(
    template: Path, tmp_path: Path, answers: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        render_anew(template, tmp_path / "service", **CMS | answers)


SHOW = """
from django.contrib.auth.models import Group
from desk.items.models import Item
groups = Group.objects.order_by("name")
print("RESULT", *Item.objects.order_by("name").values_list("name", flat=True), *groups.values_list("name", flat=True))
"""


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.option("articles", "tickets")
@pytest.mark.parametrize(
    ("product", "example", "groups"),
    [("cms", "articles", "editor reviewer support"), ("internal_tool", "tickets", "editor support")],
)
def test_an_example_can_be_chosen_later(
    template: Path, tmp_path: Path, product: str, example: str, groups: str
) -> None:
    """A database in use migrates. The example's tests run each of its branches, and a resource fits beside it."""
    clone = tmp_path / "template"
    run("git", "clone", "--quiet", template, clone)
    answers = CMS | {"product": product, "slug": "desk"}
    project = set_up(render(clone, tmp_path / "service", **answers, example="none"))
    commit_all(project.path, "Start", init=True)
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    for verb in ("migrate", "seed"):
        project.poe(verb, code=0, **variables)
    before = tree(project.path)
    commit_all(clone, "One more version")
    update = ("update", "--defaults", "--data", f"example={example}", project.path)
    run(Path(sys.executable).with_name("copier"), *update)
    added = {name for name in tree(project.path).keys() - before.keys() if name.startswith(("desk/", "tests/"))}
    assert added
    assert {name.split("/")[1] for name in added} == {example}

    # By hand, as docs/articles.md and docs/tickets.md say.
    new = render(template, tmp_path / "new", **answers)
    for name in ("settings.py", "urls.py", "templates/base.html"):
        shutil.copy(new / "desk" / name, project.package / name)
    for folder in ("desk/login/templates/account", "tests/login", "tests/accounts", f"tests/{example}"):
        shutil.copytree(new / folder, project.path / folder, dirs_exist_ok=True)
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    shown = project.poe("manage", "shell", "--no-imports", "--command", SHOW, code=0, **variables)
    assert shown.rpartition("RESULT ")[2].strip() == f"Chair Lamp Table {groups}"
    coverage = (f"--cov=desk/{example}", "--cov-branch", "--cov-fail-under=100")
    project.run("pytest", "-q", f"tests/{example}", *coverage)

    # Without the example, whose settings come last, nobody can sign up either.
    if example == "tickets":  # articles have URLs, too
        copy = project.copy(tmp_path / "removed")
        shutil.rmtree(copy.package / example)
        settings = (copy.package / "settings.py").read_text().partition("# Tickets: ")[0]
        (copy.package / "settings.py").write_text(settings.replace('    "desk.tickets",\n', ""))
        copy.run("pytest", "-q", "tests/accounts/test_sign_up.py")

    refused = project.poe("resource", "comments", "--like", example, code=1)
    assert f"{example}: " in refused
    assert "Nothing was changed." in refused
    project.poe("resource", "comments", "--belongs-to", example)
    project.poe("resource", "answers", "--belongs-to", "comments")
    project.run("pytest", "-q", "tests/comments", "tests/answers")


@pytest.mark.in_turn
@pytest.mark.slow
def test_the_recipe_adds_wagtail(template: Path, tmp_path: Path) -> None:
    """As docs/wagtail.md says."""
    project = set_up_alone(render(template, tmp_path / "service", slug="service", **CMS))
    for name in ("cms/__init__.py", "cms/migrations/__init__.py"):
        (project.package / name).parent.mkdir(parents=True, exist_ok=True)
        (project.package / name).touch()
    follow(project, page="wagtail.md")
    commands = re.findall(r"^uv run poe (.+)$", (project.path / "docs/wagtail.md").read_text(), re.MULTILINE)
    assert commands == ["migrations cms", "format", "migrate"]
    for command in commands:
        project.poe(*command.split(), code=0)
    project.poe("lint")
    project.poe("types")
    project.run("pytest", "-q", "tests/test_cms.py", "tests/core/test_admin.py", "tests/articles")


@pytest.mark.in_turn
@pytest.mark.slow
def test_the_recipes_add_oscar_and_stripe(template: Path, tmp_path: Path) -> None:
    """As docs/oscar.md and docs/shop.md say."""
    project = set_up_alone(render(template, tmp_path / "service", slug="service", **CMS | {"product": "ecommerce"}))
    follow(project, page="shop.md")
    project.poe("resource", "ratings", "--belongs-to", "products")
    follow(project, page="oscar.md")
    (project.package / "store/__init__.py").touch()
    project.poe("format", code=0)
    project.poe("lint")
    project.poe("types")
    tests = ["tests/test_store.py", "tests/core/test_admin.py", "tests/shop", "tests/ratings"]
    # Applying Oscar's 134 migrations takes longer than everything else.
    project.run("pytest", "-q", "--no-migrations", *tests)
