"""Find changes of an OpenAPI schema that may break clients.

A client sends what the old schema permits, and expects what it promises. So the new schema must
accept every old request, and the old schema every new response. Deprecated parts may be removed.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

type Schema = dict[str, Any]

AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SAME = ("format", "pattern", "multipleOf", "uniqueItems")


def breaking_changes(old: Schema, new: Schema) -> Iterator[str]:
    """Describe the breaking changes of operations, their requests and their responses."""
    known = _operations(new)
    for key, (place, before) in _operations(old).items():
        request, response = Comparison(old, new), Comparison(old, new, is_response=True)
        if key not in known:
            yield from _removed(place, before)
            continue
        _, after = known[key]
        yield from _security(place, before, after)
        yield from _parameters(place, request, before, after)
        yield from _body(place, request, before, after)
        yield from _responses(place, response, before, after)


def _operations(schema: Schema) -> dict[str, tuple[str, Schema]]:
    """Return the operations. No request contains the names of path parameters: they get numbers."""
    found = {}
    for path, operations in schema["paths"].items():
        names = re.findall(r"{(.*?)}", path)
        for method, operation in operations.items():
            parameters = [
                each | ({"name": str(names.index(each["name"]))} if each["in"] == "path" else {})
                for each in operation.get("parameters", [])
            ]
            key = f"{method} {re.sub(r'{.*?}', '{}', path)}"
            found[key] = f"{method.upper()} {path}", operation | {"parameters": parameters}
    return found


def _removed(place: str, what: Schema) -> Iterator[str]:
    if not what.get("deprecated"):
        yield f"{place}: was removed"


def _security(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """Credentials that were enough, including none, must still be enough."""
    for before in old.get("security") or [{}]:
        ways = [
            all(set(scopes) <= set(before.get(name, [])) for name, scopes in after.items())
            and after.keys() <= before.keys()
            for after in new.get("security") or [{}]
        ]
        if not any(ways):
            yield f"{place}: requires other permissions"


def _parameters(place: str, request: "Comparison", old: Schema, new: Schema) -> Iterator[str]:
    before, after = (
        {(each["in"], each["name"]): each for each in one["parameters"]} for one in (old, new)
    )
    for key, parameter in before.items():
        where = f"{place}, {' '.join(key)}"
        if key in after:
            yield from request.compare(where, _not_null(parameter["schema"]), after[key]["schema"])
        else:
            yield from _removed(where, parameter)
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{place}, {' '.join(key)}: is required now"


def _not_null(schema: Schema) -> Schema:
    """Return a parameter's schema without null, which no URL or header can contain."""
    others = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return schema | {"anyOf": others} if others else schema


def _body(place: str, request: "Comparison", old: Schema, new: Schema) -> Iterator[str]:
    before, after = old.get("requestBody", {}), new.get("requestBody", {})
    if after.get("required") and not before.get("required"):
        yield f"{place}: a body is required now"
    yield from _content(f"{place}, body", request, before, after)


def _responses(place: str, response: "Comparison", old: Schema, new: Schema) -> Iterator[str]:
    for status, before in old["responses"].items():
        where, after = f"{place}, {status}", new["responses"].get(status)
        if after is None:
            yield f"{where}: was removed"
            continue
        for header in before.get("headers", {}).keys() - after.get("headers", {}).keys():
            yield f"{where}, header {header}: was removed"
        yield from _content(where, response, before, after)


def _content(place: str, comparison: "Comparison", old: Schema, new: Schema) -> Iterator[str]:
    for kind, before in old.get("content", {}).items():
        if kind in new.get("content", {}):
            after = new["content"][kind]
            yield from comparison.compare(place, before.get("schema", {}), after.get("schema", {}))
        else:
            yield f"{place}: {kind} was removed"


@dataclass(frozen=True)
class Comparison:
    """Compares the schemas of values in two documents."""

    old: Schema
    new: Schema
    is_response: bool = False
    known: dict[str, list[str]] = field(default_factory=dict)  # references may be recursive

    def compare(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        """Describe the values that one side may send although the other does not expect them."""
        if "$ref" in old or "$ref" in new:
            key = repr((old, new))
            if key not in self.known:
                self.known[key] = []
                resolved = _resolved(self.old, old), _resolved(self.new, new)
                self.known[key] = list(self.compare(place, *resolved))
            yield from self.known[key]
            return
        sent, expected = (new, old) if self.is_response else (old, new)
        for alternative in _alternatives(sent):
            found = [list(self._one(place, alternative, each)) for each in _alternatives(expected)]
            yield from min(found, key=len)

    def _one(self, place: str, sent: Schema, expected: Schema) -> Iterator[str]:
        old, new = (expected, sent) if self.is_response else (sent, expected)
        if "$ref" in old or "$ref" in new:
            yield from self.compare(place, old, new)
            return
        kinds = (sent.get("type"), expected.get("type"))
        if kinds[1] and kinds[0] != kinds[1] and kinds != ("integer", "number"):
            yield f"{place}: may be {kinds[0] or 'anything'}, not {kinds[1]}"
            return
        yield from self._limits(place, sent, expected)
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in set(expected.get("required", [])) - set(sent.get("required", [])):
            if name in after:  # otherwise it was removed
                yield f"{place}.{name}: is {'optional' if self.is_response else 'required'} now"
        for name, each in before.items():
            if name in after:
                yield from self.compare(f"{place}.{name}", each, after[name])
            else:
                yield from _removed(f"{place}.{name}", each)
        closed = [one.get("additionalProperties") is False for one in (old, new)]
        if not self.is_response and closed == [False, True]:
            yield f"{place}: other fields are refused now"
        for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
            inner = [{} if one.get(key, True) is True else one[key] for one in (old, new)]
            if any(inner) and False not in inner:
                yield from self.compare(f"{place}{suffix}", *inner)

    def _limits(self, place: str, sent: Schema, expected: Schema) -> Iterator[str]:
        values, known = _values(sent), _values(expected)
        if known is not None and not (values and values <= known):
            others = ", ".join(sorted(values - known)) if values else "any other value"
            yield f"{place}: may be {others}"
        for limit in (*AT_LEAST, *AT_MOST, *SAME):
            if limit not in expected or values or expected[limit] == sent.get(limit):
                continue
            stricter = (limit in AT_LEAST and sent.get(limit, -math.inf) > expected[limit]) or (
                limit in AT_MOST and sent.get(limit, math.inf) < expected[limit]
            )
            if not stricter:
                yield f"{place}: has another {limit}"


def _resolved(document: Schema, schema: Schema) -> Schema:
    while reference := schema.get("$ref"):
        schema = document
        for part in reference.removeprefix("#/").split("/"):
            schema = schema[part]
    return schema


def _alternatives(schema: Schema) -> list[Schema]:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [each for one in schema[key] for each in _alternatives(one)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _values(schema: Schema) -> set[str] | None:
    """Return the values, if the schema lists them."""
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(each) for each in schema["enum"]} if "enum" in schema else None
