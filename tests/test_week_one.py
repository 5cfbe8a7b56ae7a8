"""What the owner of a project adds in the first week: the recipes, and resources by one command."""

import re
import shutil
from pathlib import Path

import pytest

from tests.owner import HERE, append, replace
from tests.postgres import Server
from tests.projects import PYTHON, Project, served, set_up, set_up_alone
from tests.recipes import follow
from tests.tools import FRAMEWORKS, render, run, tree

BOTH = [pytest.param(name, marks=pytest.mark.xdist_group(f"resource-{name}")) for name in FRAMEWORKS]
# The line that registers the example, and the one that the owner has instead.
OWN = {
    "django": ("api.py", 'api.add_router("/v1/items", items)', 'api.add_router("/v1/items", items, tags=["stock"])'),
    "fastapi": ("main.py", "app.include_router(items.router)", 'app.include_router(items.router, tags=["stock"])'),
}
CACHE = re.compile(r"__pycache__|\.ruff_cache")
REGISTERED = {"django": 'api.add_router("/v1/payments", payments)', "fastapi": "app.include_router(payments.router)"}


@pytest.fixture(scope="module", params=BOTH)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def rendered(framework: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what adds the most to a resource: scopes, or a login and groups of staff."""
    answers = {"auth": "jwt"} if framework == "fastapi" else {"login": "allauth", "admin": "django"}
    return render(template, tmp_path_factory.mktemp(framework) / "service", framework=framework, **answers)


@pytest.fixture(scope="module")
def project(rendered: Path) -> Project:
    return set_up(rendered)


@pytest.fixture(scope="module")
def week(framework: str, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose owner has followed every recipe, then added an order for items, lines of it, and copies of both.

    `order_by` is no name of an order.
    """
    path = Path(shutil.copytree(rendered, tmp_path_factory.mktemp(f"{framework}-week") / "service"))
    project = set_up_alone(path)
    follow(project)
    append(path / ".env.test", "CORS_ORIGINS=https://app.example.com\n" if framework == "django" else "")
    if framework == "django" and shutil.which("xgettext"):
        translate(project)
    project.poe("format")
    if framework == "fastapi":  # of the table in a recipe
        project.poe("migrate")
        project.poe("migrations", "add bookmarks")
    project.poe("resource", "orders", "--belongs-to", "items")
    project.poe("resource", "order_lines", "--belongs-to", "orders")
    project.poe("resource", "categories", "--like", "orders")
    project.poe("resource", "team_members", "--like", "order_lines")
    return project


def translate(project: Project) -> None:
    project.poe("manage", "makemessages", "--locale", "de")
    replace(
        project.package / "locale/de/LC_MESSAGES/django.po",
        'msgid "Items"\nmsgstr ""',
        'msgid "Items"\nmsgstr "Gegenstände"',
    )
    project.poe("manage", "compilemessages", "--locale", "de", "--ignore", ".venv")


@pytest.mark.in_turn
@pytest.mark.slow
def test_recipes_and_resources_pass_every_check(framework: str, week: Project, postgres: Server) -> None:
    """On PostgreSQL. A name of two words is written as two words in texts."""
    lines = "".join(
        text.decode()
        for name, text in tree(week.path / week.package.name / "order_lines").items()
        if ".pyc" not in name
    )
    assert "An order line with this name already exists." in lines
    assert "an order_line" not in lines
    assert "item line" not in lines.lower()
    if framework == "django":
        models = (week.package / "categories/models.py").read_text()
        assert '    class Meta:\n        verbose_name_plural = "categories"\n' in models
        assert "verbose_name_plural" not in lines
    url = postgres.create(f"week_one_{framework}")
    week.poe("migrate", DATABASE_URL=url)
    week.poe(
        "check",
        DATABASE_URL=url,
        PYTEST_ADDOPTS="-k 'order or categories or empty or mail or team or photo or bookmark or stock'",
    )
    tests = week.path / "tests"
    shutil.copy(HERE / framework / "test_orders.py", tests / "orders" / "test_references.py")
    shutil.copy(HERE / framework / "test_recipes.py", tests / "items" / "test_recipes.py")
    added = ["tests/orders/test_references.py", "tests/items/test_recipes.py"]
    if framework == "fastapi":
        shutil.copy(HERE / framework / "test_stock.py", tests)
        added.append("tests/test_stock.py")
    week.run("pytest", "-q", *added)


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.option("oidc")
def test_resources_of_callers_with_a_provider_refer_to_another(template: Path, tmp_path: Path) -> None:
    """Their tests also write what they refer to, for which the provider's token needs a second scope."""
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth="oidc"))
    project.poe("resource", "orders", "--belongs-to", "items")
    project.poe("resource", "order_lines", "--belongs-to", "orders")
    project.poe("resource", "order_parts", "--like", "order_lines")
    project.poe("lint")
    project.poe("types")
    project.run("pytest", "-q", "-m", "not slow", "tests/orders", "tests/order_lines", "tests/order_parts")


@pytest.mark.slow
def test_the_requests_of_the_readme_succeed_after_its_seed(
    framework: str, project: Project, template: Path, tmp_path: Path
) -> None:
    """Of a Django project without a login, because another README only reads."""
    answers = {"auth": "jwt"} if framework == "fastapi" else {"login": "none", "admin": "none"}
    path = render(template, tmp_path / "service", framework=framework, **answers)
    copy = Project(path, project.environment)
    copy.poe("migrate")
    copy.poe("seed")
    (commands,) = (
        block
        for block in re.findall(r"```shell\n(.*?)```", (path / "README.md").read_text(), re.DOTALL)
        if "curl" in block
    )
    with served(copy, "run", tmp_path / "log") as url:
        printed = run("sh", "-ec", commands.replace("http://127.0.0.1:8000", url))
    assert " 201 " in printed
    assert printed.count('"Shelf"') == 2  # created, then listed
    assert '"Lamp"' in printed


@pytest.mark.slow
@pytest.mark.parametrize("framework", BOTH[1:], indirect=True)
def test_a_service_without_accounts_sends_mail(project: Project, template: Path, tmp_path: Path) -> None:
    """By the other recipe of FastAPI; the environment with accounts has its package."""
    path = render(template, tmp_path / "service", framework="fastapi", auth="none")
    without = Project(path, project.environment)
    follow(without, "An email", install=False)
    without.run("pytest", "-q", "tests/test_mail.py", code=0)
    without.run("mypy", "tests/test_mail.py")


@pytest.mark.slow
def test_a_resource_is_not_registered_by_guessing(framework: str, project: Project, tmp_path: Path) -> None:
    """The command prints the lines instead; the rest is done."""
    copy = project.copy(tmp_path / "service")
    name, line, changed = OWN[framework]
    replace(copy.package / name, line, changed)
    printed = copy.poe("resource", "payments")
    assert f"add to {copy.package.name}/{name}: {REGISTERED[framework]}\n" in printed
    assert REGISTERED[framework] not in (copy.package / name).read_text()
    if framework == "django":  # it has all files, as there is no foreign key
        replace(copy.package / name, changed, f"{changed}\n{REGISTERED[framework]}")
        copy.poe("migrations")
        copy.run("pytest", "-q", "tests/payments", code=0)


@pytest.mark.slow
def test_nothing_is_left_of_a_resource_without_a_migration(framework: str, project: Project, tmp_path: Path) -> None:
    copy = project.copy(tmp_path / "service")
    (copy.path / {"django": "manage.py", "fastapi": "alembic.ini"}[framework]).unlink()
    before = tree(copy.path)
    printed = copy.poe("resource", "orders", "--belongs-to", "items", code=1)
    assert "Nothing was changed." in printed
    assert {name: text for name, text in tree(copy.path).items() if not CACHE.search(name)} == before


REFUSED = {
    "items": "items exists already",
    "order": "order: use a plural, such as orders, or name the singular too, with --singular",
    "orders_": "name the singular too",
    "core": "core: use a plural",
    "core --singular cor": "core exists already",
    "news --singular news": "the singular must differ",
    "classes": "class: Python uses this name for something else",
    "lists": "list: Python uses this name for something else",
    "values": "uses this name for something else",
    "tests": "tests: pytest looks for tests in classes named Test",
    "Orders": "Orders: use lower-case letters",
    "2orders": "2orders: use lower-case letters",
    "../orders": "../orders: use lower-case letters",
    "models": "models: my_service/items/models.py uses this name for something else",
    "routers": "Router: my_service/items/api.py uses this name for something else",
    "clients": "uses this name for something else",
    "orders --belongs-to customers": "customers: no model in my_service/*/models.py has this name",
    "orders --belongs-to users": "users: forms would list them all; add the key by hand",
    "orders --like customers": "customers: my_service/customers/schemas.py does not exist",
    "orders --like core": "core: my_service/core/schemas.py does not exist",
}


@pytest.mark.parametrize("framework", BOTH[:1], indirect=True)
@pytest.mark.parametrize("arguments", REFUSED)
def test_a_name_that_cannot_be_used_is_refused(rendered: Path, arguments: str) -> None:
    """Before anything of the project is imported, so this needs no packages. Both frameworks share that code."""
    before = tree(rendered)
    command = [PYTHON, "-B", "-m", "scripts.resource", *arguments.split()]
    printed = run(*command, cwd=rendered, code=1)
    assert REFUSED[arguments] in printed
    assert "Traceback" not in printed
    assert tree(rendered) == before
