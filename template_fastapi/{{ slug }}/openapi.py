"""The API's schema, from which clients are generated: docs/api.md."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from .core import problems

# Every error of every operation refers to one named schema, so generated clients have one type for it.
PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Api(FastAPI):
    """Adds the schema of problems: https://fastapi.tiangolo.com/how-to/extending-openapi/."""

    def openapi(self) -> dict[str, Any]:
        """Return the schema."""
        schema = super().openapi()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        if schemas.setdefault("Problem", problems.SCHEMA) != problems.SCHEMA:
            raise RuntimeError("the API's schema has a Problem: give your model another name")
        return schema


def operation_id(route: APIRoute) -> str:
    """Name an operation after its endpoint: generated clients have a function of this name."""
    return route.name
