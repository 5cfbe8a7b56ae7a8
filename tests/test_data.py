"""FastAPI projects with SQLModel have the tables and the API of those with SQLAlchemy."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.owner import append, replace
from tests.postgres import Server
from tests.projects import Project, set_up
from tests.tools import render

pytestmark = [pytest.mark.slow, pytest.mark.option("sqlalchemy", "sqlmodel")]

ACCOUNTS = {"auth": "jwt", "admin": "starlette_admin"}

LOAN = """

class Loan(Table, table=True):
    \"\"\"A model that refers to Account, a model with SQLAlchemy.\"\"\"

    __tablename__ = "loans"

    id: int = Field(default=None, primary_key=True, sa_type=BIG_ID)
    account_id: int = Field(foreign_key="accounts.id", index=True, sa_type=BIG_ID)
    note: str = Field(default="", max_length=50)
"""


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Project]:
    """A project of each kind, with accounts, which are SQLAlchemy's in both. They share an environment."""
    directory = tmp_path_factory.mktemp("data")
    paths = {
        data: render(template, directory / data, framework="fastapi", slug="service", data=data, **ACCOUNTS)
        for data in ("sqlalchemy", "sqlmodel")
    }
    environment = set_up(paths["sqlmodel"]).environment
    return {data: Project(path, environment) for data, path in paths.items()}


def migration(project: Project, name: str) -> str:
    """The text of a new migration, without its id."""
    [path] = (project.path / "migrations" / "versions").glob(f"*_{name}.py")
    return re.sub(r'^revision = ".*"$', "", path.read_text(), flags=re.MULTILINE)


@pytest.mark.in_turn
def test_a_resource_has_the_same_table(projects: dict[str, Project], postgres: Server) -> None:
    """With a foreign key to a model of the same kind, then another one to Account. Alembic finds no difference."""
    for project in projects.values():
        project.poe("resource", "orders", "--belongs-to", "items")
    projects["sqlmodel"].run("pytest", "-q", "tests/orders")  # without those of the admin, which has no orders
    assert migration(projects["sqlmodel"], "add_orders") == migration(projects["sqlalchemy"], "add_orders")
    url, project = postgres.create("data"), projects["sqlmodel"]
    project.poe("migrate", DATABASE_URL=url)
    projects["sqlalchemy"].poe("alembic", "stamp", "--purge", "head", DATABASE_URL=url)
    projects["sqlalchemy"].poe("alembic", "check", DATABASE_URL=url)
    project.poe("alembic", "stamp", "--purge", "head", DATABASE_URL=url)

    append(project.package / "items" / "models.py", LOAN)
    replace(project.package / "models.py", "import Item\n", "import Item, Loan\n")
    replace(project.package / "models.py", '"Item",', '"Item", "Loan",')
    project.poe("migrations", "add loans", DATABASE_URL=url)
    written = migration(project, "add_loans")
    assert "orders" not in written
    assert "sqlmodel" not in written
    assert 'sa.Column("note", sa.String(length=50), nullable=False)' in written
    project.poe("migrate", DATABASE_URL=url)
    project.poe("alembic", "check", DATABASE_URL=url)
    types = "SELECT data_type FROM information_schema.columns WHERE (table_name, column_name) = ('loans', 'account_id')"
    assert postgres.query(types, url) == "bigint\n"
    project.poe("format")
    project.poe("lint")
    project.poe("types")
    project.run("pytest", "-q", "-m", "not slow", "tests/orders", DATABASE_URL=url)


def test_the_api_is_the_same(projects: dict[str, Project]) -> None:
    def schema(project: Project) -> Any:
        program = "import json; from service.main import app; print(json.dumps(app.openapi()))"
        return json.loads(project.run("python", "-c", program))

    assert schema(projects["sqlmodel"]) == schema(projects["sqlalchemy"])
