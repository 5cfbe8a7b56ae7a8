"""The services behave as their OpenAPI schemas say.

The runs are bounded and deterministic. For more and random examples:

    GROUNDPLAN_EXAMPLES=3000 uv run pytest tests/test_schema.py
"""

import contextlib
import json
import os
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.identity import identity
from tests.postgres import Server
from tests.projects import Service, ask, in_production, served, set_up, token_of_superuser
from tests.redis import Server as Redis
from tests.tools import FRAMEWORKS, render, run

pytestmark = [pytest.mark.slow]

EXAMPLES = os.environ.get("GROUNDPLAN_EXAMPLES")
WITHOUT_LOGIN = {"django": {"login": "none"}, "fastapi": {"auth": "none"}}
# What adds operations to an API of FastAPI: 5 of jobs, 3 of rooms (one without `sse`) and one of a model.
OPERATIONS: dict[str, Any] = {"tasks": "taskiq", "live": "sse", "ml_serving": True}


@pytest.mark.in_turn
@pytest.mark.option("drf")
@pytest.mark.parametrize("api", ["ninja", "drf"])
def test_schemathesis_finds_nothing_in_django(api: str, template: Path, postgres: Server, tmp_path: Path) -> None:
    """Examples, limits, fuzzing and sequences of calls, valid and invalid, with all checks."""
    with in_production(template, "django", tmp_path, postgres, login="none", api=api) as service:
        printed = schemathesis(service, tmp_path)
    assert "5 selected / 5 total" in printed
    assert "No issues found" in printed


@pytest.mark.in_turn
@pytest.mark.option("drf", "ninja", "allauth", "django_login")
@pytest.mark.parametrize(("api", "login"), [("ninja", "allauth"), ("drf", "django")])
def test_schemathesis_finds_nothing_in_django_with_a_login(
    api: str, login: str, template: Path, postgres: Server, tmp_path: Path
) -> None:
    """With the token of a superuser. There may be warnings, about requests that are refused."""
    with in_production(template, "django", tmp_path, postgres, login=login, admin="stock", api=api) as service:
        token = token_of_superuser(service)
        printed = schemathesis(service, tmp_path, *bearer(token))
    assert "6 selected / 6 total" in printed


@pytest.fixture
def _operations(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of a service with OPERATIONS. On a busy machine, a prediction may take long."""
    monkeypatch.setenv("REDIS_URL", redis.url)
    monkeypatch.setenv("MODEL_TIMEOUT", "20")


@pytest.mark.in_turn
@pytest.mark.usefixtures("_operations")
@pytest.mark.option("taskiq", "sse", "ml_serving")
def test_schemathesis_finds_nothing_in_fastapi(template: Path, postgres: Server, tmp_path: Path) -> None:
    """The same, with all that adds operations."""
    with in_production(template, "fastapi", tmp_path, postgres, auth="none", **OPERATIONS) as service:
        printed = schemathesis(service, tmp_path, *WITHOUT_STREAMS)
    assert "14 selected / 15 total" in printed
    assert "No issues found" in printed


@pytest.mark.in_turn
@pytest.mark.usefixtures("_operations")
@pytest.mark.option("jwt", "sqlmodel", "starlette_admin", "taskiq", "sse", "ml_serving")
def test_schemathesis_finds_nothing_in_accounts(template: Path, postgres: Server, tmp_path: Path) -> None:
    """With a token, SQLModel and the admin. It cannot know a password or a code, so valid requests are refused."""
    answers = OPERATIONS | {"auth": "jwt", "data": "sqlmodel", "admin": "starlette_admin"}
    with in_production(template, "fastapi", tmp_path, postgres, **answers) as service:
        service.project.poe("seed", DATABASE_URL=service.variables["DATABASE_URL"])
        form = {"grant_type": "password", "username": "dev@example.com", "password": "for-development"}
        with urllib.request.urlopen(f"{service.url}/api/token", urllib.parse.urlencode(form).encode()) as response:
            token = json.load(response)["access_token"]
        without = ("--exclude-checks", "positive_data_acceptance", *WITHOUT_STREAMS)
        printed = schemathesis(service, tmp_path, *without, *bearer(token))
    assert "27 selected / 28 total" in printed


@pytest.mark.in_turn
@pytest.mark.option("oidc", "taskiq", "sse", "ml_serving")
def test_schemathesis_finds_nothing_with_a_token_of_a_provider(
    template: Path, postgres: Server, tmp_path: Path
) -> None:
    """In development, where the provider needs no HTTPS, and jobs no worker: so they have results."""
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth="oidc", **OPERATIONS))
    variables = {"DATABASE_URL": postgres.create("schema_oidc"), "MODEL_TIMEOUT": "20"}
    project.poe("migrate", code=0, **variables)
    with contextlib.ExitStack() as running:
        provider = running.enter_context(identity(tmp_path / "provider.log"))
        variables |= provider.variables()
        url = running.enter_context(served(project, "serve", tmp_path / "log", **variables))
        token = bearer(provider.token("items:write"))
        printed = schemathesis(Service(project, variables, url), tmp_path, *WITHOUT_STREAMS, *token)
    assert "15 selected / 16 total" in printed
    assert "No issues found" in printed


def bearer(token: str) -> tuple[str, ...]:
    """The options with which Schemathesis sends a token."""
    return "--header", f"Authorization: Bearer {token}"


WITHOUT_STREAMS = ("--exclude-path-regex", "^/live/")  # they do not end: tests/test_streams.py follows them
# FastAPI has ETags: a random one is valid, and yet no item has it. Nor does a list know a random cursor, a model a
# random version, or an import a random text, and one example of a key is sent with several bodies. In lists of objects,
# Schemathesis makes texts with NUL in spite of their pattern.
CONFIGURATION = """
[[operations]]
include-path-regex = "/(items(:bulk)?|jobs|jobs/import|predictions)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]

[[operations]]
include-path-regex = "/jobs/.+"
warnings = false  # of the many 422 of imports, and of jobs that are not done

[[operations]]
include-path-regex = "/items$"
include-method = "GET"
generation.codec = "ascii"  # other characters have up to 12 bytes in a URL, and Gunicorn refuses long ones itself

[[operations]]
include-path-regex = "/items/"
include-method = ["PATCH", "DELETE"]
warnings = false  # of the many 412
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "412", "429"]
"""


def schemathesis(service: Service, directory: Path, *options: str) -> str:
    """Run it, which must find nothing, and return what it prints."""
    (directory / "schemathesis.toml").write_text(CONFIGURATION)
    bounds = ["--max-examples", EXAMPLES] if EXAMPLES else ["--max-examples", "50", "--seed", "1"]
    return run(
        Path(sys.executable).with_name("schemathesis"),
        *("run", f"{service.url}/api/openapi.json", "--checks", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--no-color", "--request-timeout", "10", *bounds, *options),
        cwd=directory,
    )


def test_fastapi_has_all_of_djangos_api(template: Path, postgres: Server, tmp_path: Path) -> None:
    """And more, for services whose API is the product: a client of one can call the other."""
    schemas = {}
    for framework in FRAMEWORKS:
        (tmp_path / framework).mkdir()
        with in_production(template, framework, tmp_path / framework, postgres, **WITHOUT_LOGIN[framework]) as service:
            schemas[framework] = comparable(ask(f"{service.url}/api/openapi.json").json)
    longer = "/paths//api/v1/items/get/parameters/cursor/schema/maxLength: 1000 is 8100"  # Gunicorn limits a URL
    assert list(missing(schemas["django"], schemas["fastapi"])) == [longer]


def missing(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where the other schema lacks something of the first one."""
    if isinstance(one, dict) and isinstance(other, dict):
        if "anyOf" not in one:  # the other may also be null
            other |= other.get("anyOf", [{}])[0]
        for key, value in one.items():
            yield from missing(value, other.get(key), f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and one and isinstance(one[0], dict):
        theirs = {each.get("name", each.get("type")): each for each in other}
        for each in one:
            name = each.get("name", each.get("type"))
            yield from missing(each, theirs.get(name), f"{place}/{name}")
    elif isinstance(one, list) and isinstance(other, list):
        yield from (f"{place}: {each}" for each in one if each not in other)
    elif one != other:
        yield f"{place}: {one} is {other}"


def comparable(schema: dict[str, Any]) -> dict[str, Any]:
    """Remove differences of wording."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            del operation["operationId"]
            operation["parameters"] = operation.get("parameters", [])
            for response in operation["responses"].values():
                del response["description"]
    components = schema["components"]["schemas"]
    components.pop("ItemQuery", None)  # Django Ninja lists the query parameters as an unused schema
    if problem := components.pop("Problem", None):  # of FastAPI; Django repeats it
        reference = json.dumps({"$ref": "#/components/schemas/Problem"})
        schema["paths"] = json.loads(json.dumps(schema["paths"]).replace(reference, json.dumps(problem)))
    return {"openapi": schema["openapi"][:3], "paths": schema["paths"], "components": components}
