"""The services behave as their OpenAPI schemas say.

The runs are bounded and deterministic. For more and random examples:

    GROUNDPLAN_EXAMPLES=3000 uv run pytest tests/test_schema.py
"""

import json
import os
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server
from tests.projects import Service, ask, in_production
from tests.tools import FRAMEWORKS, run

pytestmark = [pytest.mark.slow]

EXAMPLES = os.environ.get("GROUNDPLAN_EXAMPLES")
WITHOUT_LOGIN = {"django": {"login": "none"}, "fastapi": {"auth": "none"}}


@pytest.mark.in_turn
@pytest.mark.option("drf")
@pytest.mark.parametrize(("framework", "api"), [("django", "ninja"), ("django", "drf"), ("fastapi", "")])
def test_schemathesis_finds_nothing(framework: str, api: str, template: Path, postgres: Server, tmp_path: Path) -> None:
    """Examples, limits, fuzzing and sequences of calls, valid and invalid, with all checks."""
    answers = WITHOUT_LOGIN[framework] | ({"api": api} if api else {})
    with in_production(template, framework, tmp_path, postgres, **answers) as service:
        printed = schemathesis(service, tmp_path)
    operations = {"django": 5, "fastapi": 6}[framework]
    assert f"{operations} selected / {operations} total" in printed
    assert "No issues found" in printed


@pytest.mark.in_turn
@pytest.mark.option("jwt", "sqlmodel", "starlette_admin")
def test_schemathesis_finds_nothing_in_accounts(template: Path, postgres: Server, tmp_path: Path) -> None:
    """With a token, SQLModel and the admin. It cannot know a password or a code, so valid requests are refused."""
    answers = {"auth": "jwt", "data": "sqlmodel", "admin": "starlette_admin"}
    with in_production(template, "fastapi", tmp_path, postgres, **answers) as service:
        service.project.poe("seed", DATABASE_URL=service.variables["DATABASE_URL"])
        form = {"grant_type": "password", "username": "dev@example.com", "password": "for-development"}
        with urllib.request.urlopen(f"{service.url}/api/token", urllib.parse.urlencode(form).encode()) as response:
            token = json.load(response)["access_token"]
        header = ("--header", f"Authorization: Bearer {token}")
        printed = schemathesis(service, tmp_path, "--exclude-checks", "positive_data_acceptance", *header)
    assert "19 selected / 19 total" in printed


# FastAPI has ETags: a random one is valid, and yet no item has it. Nor does a list know a random cursor, and one
# example of a key is sent with several bodies. In lists of objects, Schemathesis makes texts with NUL in spite of
# their pattern.
CONFIGURATION = """
[[operations]]
include-path-regex = "/items(:bulk)?$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]

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
