"""FastAPI projects accept the access tokens of a real OpenID Connect provider."""

import contextlib
from pathlib import Path

import pytest

from tests.identity import identity
from tests.projects import Answer, ask, served, set_up
from tests.tools import render

pytestmark = pytest.mark.slow


@pytest.mark.option("oidc")
def test_a_services_token_is_accepted(template: Path, tmp_path: Path) -> None:
    """If it is for this service and permits the operation; also while the provider is down."""
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth="oidc"))
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    with contextlib.ExitStack() as running, contextlib.ExitStack() as provider_running:
        provider = provider_running.enter_context(identity(tmp_path / "provider.log"))
        variables |= provider.variables()
        url = running.enter_context(served(project, "serve", tmp_path / "log", **variables))

        def create(name: str, token: str) -> Answer:
            return ask(f"{url}/api/v1/items", "POST", {"name": name}, Authorization=f"Bearer {token}")

        token = provider.token("items:write")
        assert ask(f"{url}/api/me", Authorization=f"Bearer {token}").json == {"id": "job", "scopes": ["items:write"]}
        assert create("Lamp", token).status == 201
        assert create("Chair", provider.token()).status == 403
        assert create("Chair", f"{token[:-9]}AAAAAAAAA").status == 401
        assert create("Chair", provider.token(resource="https://other.example.com")).status == 401
        assert ask(f"{url}/api/v1/items", "POST", {"name": "Chair"}).status == 401
        provider_running.close()
        assert create("Table", token).status == 201
        assert ask(f"{url}/api/v1/items").json["total"] == 2
