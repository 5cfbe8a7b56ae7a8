SERVICE, TAKEN = "service.py", "there is a table with this name"
MIGRATE = "poe migrations 'add {0.plural}'"


def registrations(resource: Names) -> dict[str, list[str]]:
    """Return the lines and entries with which files of the package name a resource."""
    name, model = resource.plural, resource.model
    return {
        "models.py": [f"from .{name}.models import {model}", f'"{model}"'],
        "main.py": [
            f"from .{name} import endpoints as {name}",
            f"app.include_router({name}.router)",
        ],
        "scopes.py": [f'"{name}:write"'],
    }


def columns(new: Names, parent: Names, body: str, models: str) -> list[tuple[str, str, str]]:
    """Return which text in which files has the foreign key: a pattern, and its replacement."""
    if "table=True" in models:  # SQLModel's
        column = f'int = Field(foreign_key="{parent.plural}.id", index=True, sa_type=BIG_ID)'
        return [("models.py", r"\n    id: int\b.*", rf"\g<0>\n    {parent.singular}_id: {column}")]
    column = f'mapped_column(ForeignKey("{parent.plural}.id"), index=True)'
    return [
        ("models.py", "from sqlalchemy import ", r"\g<0>ForeignKey, "),
        (
            "models.py",
            r"\n    id: Mapped\[BigId\]",
            rf"\g<0>\n    {parent.singular}_id: Mapped[int] = {column}",
        ),
    ]


def fixture_imports(parent: Names) -> list[str]:
    package, model = f"{PACKAGE.name}.{parent.plural}", parent.model
    return [
        "from sqlalchemy.ext.asyncio import AsyncSession",
        f"from {package}.models import {model}",
        f"from {package}.schemas import {model}Create",
    ]


def fixture_of(parent: Names, values: dict[str, object], arguments: str) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return f"""@pytest.fixture(autouse=True)
async def {parent.singular}(session: AsyncSession{arguments}) -> {parent.model}:
    row = {parent.model}(id=1, **{parent.model}Create({given}).model_dump())
    session.add(row)
    await session.commit()
    return row
"""


def reference_test(new: Names, parent: Names, values: object, addresses: list[str]) -> str:
    """Return a test of the foreign key."""
    key = f"{parent.singular}_id"
    wrong = {key: 2}
    return f"""

async def test_{new.plural}_refer_to_{parent.plural}(client: AsyncClient) -> None:
    values = {values}
    created = await client.post("{addresses[0]}", json=values)
    assert (created.status_code, created.json()["{key}"]) == (201, 1)
    assert (await client.delete("{addresses[1]}/1")).status_code == 409
    missing = await client.patch(created.headers["Location"], json={wrong})
    assert missing.status_code == 422
    assert missing.json()["detail"] == "{parent.text.capitalize()} not found."
"""


def taken() -> set[str]:
    """Return the names of all tables."""
    from importlib import import_module

    return {*import_module(f"{PACKAGE.name}.models").Base.metadata.tables}


def api_classes() -> list[type]:
    """Return classes with names that are not the resource's, such as `order_by`."""
    from fastapi import APIRouter, Request, Response
    from pydantic import BaseModel
    from sqlalchemy import Select, Update
    from sqlalchemy.ext.asyncio import AsyncSession

    return [APIRouter, AsyncSession, BaseModel, Request, Response, Select, Update]


def migrate(new: Names) -> None:
    """Create the migration, on a temporary database with all earlier ones."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/db.sqlite3"
        run("-m", "alembic", "upgrade", "head", DATABASE_URL=url)
        message = f"add {new.plural}"
        run("-m", "alembic", "revision", "--autogenerate", "--message", message, DATABASE_URL=url)
