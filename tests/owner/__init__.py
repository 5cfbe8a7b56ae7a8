"""What an owner does with a project in its first year: a new domain package, a dependency, a setting, a better README.

The files are in `django/` and `fastapi/`; the `notes` package goes into the project's package, its test into `tests/`.
"""

import shutil
from pathlib import Path

from tests.projects import Project

HERE = Path(__file__).parent
DEPENDENCY = "humanize"
DEV_DEPENDENCY = "freezegun"


def replace(file: Path, old: str, new: str) -> None:
    """Edits a file; fails where the text to replace is not in it."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def append(file: Path, text: str) -> None:
    """Writes below what the template wrote."""
    file.write_text(file.read_text() + text)


def add_a_domain(project: Project, framework: str) -> None:
    """A model with its migration, its endpoints and its tests, in the places that the README names."""
    package = project.package
    shutil.copytree(HERE / framework / "notes", package / "notes")
    (package / "notes" / "__init__.py").touch()
    (project.path / "tests" / "notes").mkdir()
    (project.path / "tests" / "notes" / "__init__.py").touch()
    shutil.copy(HERE / framework / "test_api.py", project.path / "tests" / "notes")
    if framework == "fastapi":
        example = "from .items.models import Item\n"
        replace(package / "models.py", example, f"{example}from .notes.models import Note\n")
        replace(package / "models.py", '"Base", "Item"', '"Base", "Item", "Note"')
        replace(package / "main.py", "from .items import endpoints as items\n",
                "from .items import endpoints as items\nfrom .notes import endpoints as notes\n")  # fmt: skip
        router = "app.include_router(items.router)\n"
        replace(package / "main.py", router, f"{router}app.include_router(notes.router)\n")
        project.poe("migrations", "Add notes")
    else:
        items = f'    "{package.name}.items",\n'
        replace(package / "settings.py", items, f'{items}    "{package.name}.notes",\n')
        replace(
            package / "api.py",
            "from .items.api import router as items\n",
            "from .items.api import router as items\nfrom .notes.api import router as notes\n",
        )
        replace(package / "api.py", registered(package), f'{registered(package)}api.add_router("/notes", notes)\n')
        (package / "notes" / "migrations").mkdir()
        (package / "notes" / "migrations" / "__init__.py").touch()
        project.poe("format")  # the imports
        project.poe("migrations")


def registered(package: Path) -> str:
    """The line that registers the example; older projects have no version in its path."""
    return next(line for line in (package / "api.py").read_text().splitlines(keepends=True) if "/items" in line)


def remove_the_example(project: Project, framework: str) -> None:
    """What the README says about getting rid of `items`."""
    package = project.package
    shutil.rmtree(package / "items")
    shutil.rmtree(project.path / "tests" / "items")
    if framework == "fastapi":
        replace(package / "main.py", "from .items import endpoints as items\n", "")
        replace(package / "main.py", "app.include_router(items.router)\n", "")
        replace(package / "models.py", "from .items.models import Item\n", "")
        replace(package / "models.py", '"Base", "Item"', '"Base"')
        if (package / "item_jobs").exists():
            shutil.rmtree(package / "item_jobs")
            shutil.rmtree(project.path / "tests" / "item_jobs")
            replace(package / "main.py", "from .item_jobs import endpoints as jobs\n", "")
            replace(package / "main.py", "app.include_router(jobs.router)\n", "")
        seed = (package / "seed.py").read_text()
        body = seed[seed.index("    present =") : seed.index("\n\nasync def main")]
        examples = seed[seed.index("\nITEMS =") : seed.index("\n\nasync def seed")]
        for text in (body, examples, "from .items.models import Item\n", "from sqlalchemy import select\n"):
            replace(package / "seed.py", text, "")
        for name in ("test_etags.py", "test_seed.py"):
            (project.path / "tests" / name).unlink()
        versions = project.path / "migrations" / "versions"
        next(versions.glob("*_items.py")).unlink()
        replace(next(versions.glob("*_stored_responses.py")), '"5b0f3c9d7a21"', "None")
    else:
        replace(package / "settings.py", f'    "{package.name}.items",\n', "")
        replace(package / "api.py", "from .items.api import router as items\n", "")
        replace(package / "api.py", registered(package), "")
        if (package / "pages.py").exists():
            replace(package / "pages.py", f'    path("items/", include("{package.name}.items.urls")),\n', "")
        for app, prefix in (("item_jobs", "jobs"), ("item_stock", "stock")):
            if (package / app).exists():
                shutil.rmtree(package / app)
                shutil.rmtree(project.path / "tests" / app)
                replace(package / "settings.py", f'    "{package.name}.{app}",\n', "")
                replace(package / "urls.py", f'    path("{prefix}/", include("{package.name}.{app}.urls")),\n', "")
        if (package / "item_updates").exists():
            replace_live_updates(project)
        project.poe("format")


ORDERS = '''"""Live updates of orders."""

from typing import Any

from django.urls import path

from .live.consumers import LiveConsumer


class OrderListConsumer(LiveConsumer):
    group = "orders"


websocket_urlpatterns: list[Any] = [
    path("live/orders/", OrderListConsumer.as_asgi()),  # type: ignore[arg-type]
]
'''


def replace_live_updates(project: Project) -> None:
    """What docs/live.md says about removing the example."""
    package = project.package
    shutil.rmtree(package / "item_updates")
    shutil.rmtree(project.path / "tests" / "item_updates")
    (package / "orders.py").write_text(ORDERS)
    replace(package / "settings.py", f'    "{package.name}.item_updates",\n', "")
    replace(package / "urls.py", f'    path("live/", include("{package.name}.item_updates.urls")),\n', "")
    replace(package / "asgi.py", "from .item_updates.urls import", "from .orders import")


def add_a_setting(project: Project) -> None:
    """An environment variable of the owner's, read by the owner's code."""
    environment = project.package / "environment.py"
    text = environment.read_text()
    head, marker, tail = text.partition("\n\nenvironment = load(")
    assert marker
    environment.write_text(f'{head}\n    greeting: str = "Hello"\n{marker}{tail}')


def work_for_a_year(project: Project, framework: str) -> None:
    """All edits; the project's checks pass afterwards."""
    project.uv("add", "--quiet", DEPENDENCY)
    project.uv("add", "--quiet", "--dev", DEV_DEPENDENCY)
    append(project.path / ".gitignore", "/exports/\n")
    append(project.path / "mypy.ini", "[mypy-legacy.*]\nignore_missing_imports = true\n")
    append(project.path / "poe_tasks.toml", '[tasks.greet]\nhelp = "Say hello"\ncmd = "echo hello"\n')
    project.poe("migrate")
    add_a_setting(project)
    add_a_domain(project, framework)
    readme = project.path / "README.md"
    readme.write_text("# Our service\n\nNothing is left of what was here.\n")
    example = project.path / ".env.example"
    example.write_text(example.read_text() + "GREETING=Good morning\n")
