"""FastAPI's schema has everything in Django's. tests/operations.py tries the operations of both."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server
from tests.projects import ask, in_production
from tests.tools import FRAMEWORKS

pytestmark = [pytest.mark.slow]

WITHOUT_LOGIN = {"django": {"login": "none"}, "fastapi": {"auth": "none"}}


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
