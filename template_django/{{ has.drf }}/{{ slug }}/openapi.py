"""The API's schema, from which clients are generated: docs/api.md."""

import re
from typing import Any

from .core.problems import CONTENT_TYPE, SCHEMA

# Every error of every operation refers to one named schema, so generated clients have one type for it.
PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
METHODS = {"get", "post", "put", "patch", "delete"}


def add_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add problem details to each operation of the schema, and say which fields bodies have."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    if schemas.setdefault("Problem", SCHEMA) != SCHEMA:
        raise RuntimeError("the API's schema has a Problem: give your serializer another name")
    for name, schema in schemas.items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
        elif "properties" in schema and name != "Problem":
            schema["required"] = list(schema["properties"])  # serializers write all fields
        for field in schema.get("properties", {}).values():
            pattern = field.get("oneOf", [{}])[0].get("pattern")
            if pattern and re.search(pattern, ""):  # the second one is only for an empty string
                field |= field.pop("oneOf")[0]
    for path in result["paths"].values():
        for operation in (path[method] for method in path.keys() & METHODS):
            needs_login = {} not in operation.get("security", [{}])
            kinds = ("401", "403", "default") if needs_login else ("default",)
            operation["responses"] = dict.fromkeys(kinds, PROBLEM) | operation["responses"]
    return result
