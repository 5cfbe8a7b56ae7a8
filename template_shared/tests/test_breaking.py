"""Changes of the API that break clients: `poe schema --since`."""

import copy
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from scripts.breaking import breaking_changes

REMOVED = object()
READ, WRITE = "components/schemas/LampRead", "components/schemas/LampWrite"
GET, POST = "paths/~/get", "paths/~/post"


class LampWrite(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=10)]
    colour: Literal["red", "blue"] = "red"
    watts: float | None = None
    old: Annotated[int, Field(deprecated=True)] = 0


class Shop(BaseModel):
    """Where it is."""

    name: str


class LampRead(BaseModel):
    """The body of a response, which is recursive."""

    name: str
    colour: Literal["red", "blue"]
    watts: int | None
    shop: Shop | None
    lamps: list["LampRead"]
    named: dict[str, int]


def schema() -> dict[str, Any]:
    """Return the schema of a small service."""
    _, models = models_json_schema(
        [(LampRead, "serialization"), (LampWrite, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    limit = {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 9}}
    read = {
        "parameters": [limit],
        "responses": {
            "200": {
                "headers": {"ETag": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": {"$ref": f"#/{READ}"}}},
            }
        },
    }
    create = {
        "security": [{"OAuth2PasswordBearer": ["lamps"]}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/{WRITE}"}}},
        },
        "responses": {"200": {"description": "The lamp is created."}},
    }
    return {
        "paths": {"/lamps": {"get": read, "post": create}},
        "components": {"schemas": models["$defs"]},
    }


OLD = schema()


def edited(**changes: object) -> dict[str, Any]:
    """Return the schema with other values at these places; `~` is the only path."""
    new = copy.deepcopy(OLD)
    for place, value in changes.items():
        *parents, name = place.split("/")
        target: Any = new
        for each in parents:
            key = each.replace("~", "/lamps")
            target = target[int(key) if isinstance(target, list) else key]
        if value is REMOVED:
            del target[name]
        else:
            target[name] = value
    return new


def test_the_same_schema_breaks_nothing() -> None:
    assert list(breaking_changes(OLD, OLD)) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({GET: REMOVED}, "GET /lamps: was removed"),
        ({f"{GET}/security": [{"OAuth2PasswordBearer": []}]}, "GET /lamps: requires other"),
        ({f"{POST}/security": [{"OAuth2PasswordBearer": ["lamps", "more"]}]}, "requires other"),
        ({f"{GET}/parameters": []}, "query limit: was removed"),
        ({f"{GET}/parameters/0/required": True}, "query limit: is required now"),
        ({f"{GET}/parameters/0/schema/maximum": 8}, "query limit: has another maximum"),
        ({f"{GET}/parameters/0/schema/minimum": 0}, "query limit: has another minimum"),
        ({f"{GET}/parameters/0/schema/type": "string"}, "may be integer, not string"),
        ({f"{POST}/requestBody/content": {}}, "body: application/json was removed"),
        ({f"{WRITE}/properties/name": REMOVED}, "body.name: was removed"),
        ({f"{WRITE}/required": ["name", "colour"]}, "body.colour: is required now"),
        ({f"{WRITE}/properties/colour/enum": ["red"]}, "body.colour: may be 'blue'"),
        ({f"{WRITE}/properties/watts/anyOf": [{"type": "number"}]}, "may be null, not number"),
        ({f"{WRITE}/properties/name/pattern": "^a"}, "body.name: has another pattern"),
        ({f"{GET}/responses/200": REMOVED}, "GET /lamps, 200: was removed"),
        ({f"{GET}/responses/200/headers": {}}, "header ETag: was removed"),
        ({f"{READ}/properties/name": REMOVED}, "200.name: was removed"),
        ({"components/schemas/Shop/properties": {}}, "200.shop.name: was removed"),
        ({f"{READ}/required": ["name"]}, "200.watts: is optional now"),
        ({f"{READ}/properties/colour/enum": ["red", "green"]}, "200.colour: may be 'green'"),
        ({f"{READ}/properties/colour": {"type": "string"}}, "200.colour: may be any other value"),
        ({f"{READ}/properties/name/type": ["string", "null"]}, "200.name: may be null"),
        ({f"{READ}/properties/lamps/items": {"type": "string"}}, "200.lamps[]: may be string"),
        (
            {f"{READ}/properties/named/additionalProperties": {"type": "number"}},
            "200.named.*: may be number, not integer",
        ),
        ({f"{READ}/properties/named/additionalProperties": True}, "200.named.*: may be anything"),
    ],
)
def test_what_breaks_clients_is_found(changes: dict[str, object], found: str) -> None:
    assert found in "\n".join(breaking_changes(OLD, edited(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"paths/more": {"get": {"responses": {}}}},
        {f"{GET}/parameters/0/schema/maximum": 10},
        {f"{GET}/parameters/0/schema/maximum": REMOVED},
        {f"{POST}/security": REMOVED},
        {f"{POST}/requestBody/required": False},
        {f"{WRITE}/properties/more": {"type": "string"}},
        {f"{WRITE}/properties/old": REMOVED},
        {f"{WRITE}/properties/colour": {"type": "string"}},
        {f"{WRITE}/properties/colour/enum": ["red", "blue", "green"]},
        {f"{WRITE}/required": []},
        {f"{READ}/properties/more": {"type": "string"}},
        {f"{READ}/properties/colour/enum": ["red"]},
        {f"{READ}/properties/watts/anyOf": [{"type": "integer"}]},
    ],
)
def test_what_clients_do_not_notice_is_not(changes: dict[str, object]) -> None:
    assert list(breaking_changes(OLD, edited(**changes))) == []


def test_what_is_deprecated_may_be_removed() -> None:
    new = edited(**{GET: REMOVED, f"{WRITE}/properties/old": REMOVED})
    old = edited(**{f"{GET}/deprecated": True})
    assert list(breaking_changes(old, new)) == []


def test_a_required_field_of_a_response_may_be_removed_if_it_was_deprecated() -> None:
    field = f"{READ}/properties/watts"
    new = edited(
        **{field: REMOVED, f"{READ}/required": ["name", "colour", "shop", "lamps", "named"]}
    )
    assert list(breaking_changes(edited(**{f"{field}/deprecated": True}), new)) == []


def test_a_path_parameter_may_get_another_name() -> None:
    old, new = schema(), schema()
    for each, name in ((old, "id"), (new, "lamp_id")):
        parameter = {"in": "path", "name": name, "required": True, "schema": {"type": "integer"}}
        operation = each["paths"]["/lamps"]["get"] | {"parameters": [parameter]}
        each["paths"]["/lamps/{" + name + "}"] = {"get": operation}
    assert list(breaking_changes(old, new)) == []


def test_other_fields_of_a_body_may_not_be_refused() -> None:
    old = edited(**{f"{WRITE}/additionalProperties": True})
    assert list(breaking_changes(old, OLD)) == ["POST /lamps, body: other fields are refused now"]


def test_unions_of_recursive_models_are_compared_in_no_time() -> None:
    old = schema()
    names = [f"Block{i}" for i in range(9)]
    union = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    for name in names:
        kind = {"type": "string", "const": name}
        blocks = {"kind": kind, "blocks": {"type": "array", "items": union}}
        old["components"]["schemas"][name] = {"type": "object", "properties": blocks}
    old["components"]["schemas"]["LampRead"]["properties"]["block"] = union
    assert list(breaking_changes(old, old)) == []


def test_a_body_may_not_become_required() -> None:
    old = edited(**{f"{POST}/requestBody/required": False})
    assert list(breaking_changes(old, OLD)) == ["POST /lamps: a body is required now"]
