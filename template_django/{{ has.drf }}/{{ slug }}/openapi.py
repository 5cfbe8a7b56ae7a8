"""The API's schema, from which clients are generated: docs/api.md."""

import json
import re
from typing import Any

from .core.problems import CONTENT_TYPE, SCHEMA

# Every error of every operation refers to one named schema, so generated clients have one type for it.
PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
METHODS = {"get", "post", "put", "patch", "delete"}
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def add_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add problem details to each operation of the schema, and say which fields bodies have."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    if schemas.setdefault("Problem", SCHEMA) != SCHEMA:
        raise RuntimeError("the API's schema has a Problem: give your serializer another name")
    paths = result["paths"].values()
    operations = [path[method] for path in paths for method in path.keys() & METHODS]
    accepted = names_in([each.get("requestBody") for each in operations], schemas)
    for name, schema in schemas.items():
        if name in accepted and schema.get("type") == "object":
            schema["additionalProperties"] = False
        elif "properties" in schema and name != "Problem":
            schema["required"] = list(schema["properties"])  # serializers write all fields
        for field in schema.get("properties", {}).values():
            pattern = field.get("oneOf", [{}])[0].get("pattern")
            if pattern and re.search(pattern, ""):  # the second one is only for an empty string
                field |= field.pop("oneOf")[0]
    for operation in operations:
        needs_login = {} not in operation.get("security", [{}])
        kinds = ("401", "403", "default") if needs_login else ("default",)
        operation["responses"] = dict.fromkeys(kinds, PROBLEM) | operation["responses"]
    return result


def names_in(part: Any, schemas: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that a part refers to, directly or through others."""
    names: set[str] = set()
    waiting = [part]
    while waiting:
        new = set(REFERENCE.findall(json.dumps(waiting.pop(), default=str))) - names
        names |= new
        waiting += [schemas[name] for name in new]
    return names
