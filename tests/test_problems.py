"""Bad requests over the wire: both frameworks report errors in the same way."""

import contextlib
import http.client
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.postgres import Server
from tests.projects import ask, in_production
from tests.tools import FRAMEWORKS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("problems")]

ITEMS = "/api/v1/items"
JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024
SECRET = "hunter2"  # noqa: S105
CODE = re.compile(rb"Traceback|File \\?\"|\.py\b")
BEYOND = 2**63  # the first number that is not an identifier


@dataclass(frozen=True)
class Bad:
    """A request on the wire, and the expected response."""

    name: str
    request: bytes
    status: int
    fields: tuple[str, ...] | None = None
    allow: str | None = None


def raw(method: str, target: str | bytes, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a request."""
    target = target if isinstance(target, bytes) else target.encode("latin-1")
    headers = {"Host": "localhost", "Connection": "close", **(headers or {})}
    if body and "Transfer-Encoding" not in headers:
        headers = {"Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method.encode(), target, lines.encode("latin-1"), body)


def post(body: bytes, **headers: str) -> bytes:
    """A POST with a JSON content type."""
    return raw("POST", ITEMS, body, JSON | {name.replace("_", "-"): value for name, value in headers.items()})


def item(**values: object) -> bytes:
    """A valid item, except for `values`."""
    return json.dumps({"name": "Good"} | values).encode()


MALFORMED = {
    "no JSON": b"{hunter2",
    "two values": b"{}{}",
    "a comma at the end": b'{"name": "hunter2",}',
    "single quotes": b"{'name': 'hunter2'}",
    "invalid UTF-8": b'{"name": "hunter2\xff"}',
    "deep nesting": b"[" * 100_000 + b"]" * 100_000,
    "deep nesting in a field": b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a number of 5,000 digits": b"9" * 5000,
    "a raw newline in a string": b'{"name": "hunter2\n"}',
    "only spaces": b"   ",
}

# Python's parser accepts these; a field does not.
SURROGATES = {
    "an encoded surrogate": (b'{"name": "\xed\xa0\x80"}', "body.name"),
    "a lone surrogate": (b'{"name": "hunter2\\ud800"}', "body.name"),
    "a lone surrogate in a key": (b'{"name": "Good", "\\udfff": 1}', "body"),
}

REFUSED = {
    "NaN": (b"NaN", "body"),
    "NaN in a field": (b'{"name": "Good", "quantity": NaN}', "body.quantity"),
    "Infinity": (b'{"name": "Good", "quantity": Infinity}', "body.quantity"),
    "-Infinity": (b'{"name": "Good", "quantity": -Infinity}', "body.quantity"),
    "a quantity that is true": (item(quantity=True), "body.quantity"),
    "a quantity in quotes": (item(quantity="7"), "body.quantity"),
    "null": (b"null", "body"),
    "an array": (b"[]", "body"),
    "a string": (b'"hunter2"', "body"),
    "a number": (b"7", "body"),
    "no name": (b"{}", "body.name"),
    "an empty name": (item(name=""), "body.name"),
    "a blank name": (item(name=" \t\n"), "body.name"),
    "a long name": (item(name="x" * 101), "body.name"),
    "NUL in a name": (item(name="hunter2\0"), "body.name"),
    "NUL in a description": (item(description="hunter2\0"), "body.description"),
    "a name that is null": (item(name=None), "body.name"),
    "a name that is a number": (item(name=7), "body.name"),
    "a name that is an object": (item(name={SECRET: SECRET}), "body.name"),
    "a negative quantity": (item(quantity=-1), "body.quantity"),
    "a large quantity": (item(quantity=2**31), "body.quantity"),
    "a huge quantity": (item(quantity=10**400), "body.quantity"),
    "a fraction of a quantity": (item(quantity=1.5), "body.quantity"),
    "a quantity that becomes infinite": (b'{"name": "Good", "quantity": 1e999}', "body.quantity"),
    "a quantity in words": (item(quantity=SECRET), "body.quantity"),
    "an unknown field": (item(colour=SECRET), "body.colour"),
    "an unknown field with dots": (item(**{"a.b": SECRET}), "body.a.b"),
    "an unknown field without name": (item(**{"": SECRET}), "body."),
    "an unknown field with a long name": (item(**{"x" * 5000: SECRET}), None),
    "an unknown field with NUL": (item(**{"\0": SECRET}), "body.\0"),
    "the last of duplicate keys": (b'{"name": "Good", "name": ""}', "body.name"),
}

QUERIES = {
    "limit=0": "query.limit",
    "limit=101": "query.limit",
    "limit=hunter2": "query.limit",
    "limit=": "query.limit",
    "limit=NaN": "query.limit",
    "limit=1.5": "query.limit",
    "limit=%00": "query.limit",
    "limit=%ff": "query.limit",
    "limit=%ed%a0%80": "query.limit",
    "limit=%zz": "query.limit",
    "limit=5&limit=0": "query.limit",
    "limit=" + "9" * 4000: "query.limit",
    "offset=-1": "query.offset",
    "offset=2147483648": "query.offset",
}

CASES = [
    # URLs
    *(
        Bad(f"GET {path[:60]}", raw("GET", path), 404)
        for path in (
            *("/api/nothing", "/api/v1/items/", "/api//items", "/api/v1/items//"),
            *(
                "/api/v1/items/1/",
                "/api/v1/items/1/2",
                "/api/v1/items/1%2f2",
                "/api/%00",
                "/api/%ff",
                "/api/%ed%a0%80",
                "/api/%",
            ),
            *("/api/%zz", "/api/v1/items%20", "/api/../api/nothing", "/api/v1/items;x", "/api/%F0%9F%A6%84"),
            "/api/" + "x" * 3000,
        )
    ),
    Bad("POST to nothing", raw("POST", "/api/nothing", item(), JSON), 404),
    *(
        Bad(f"item {value[:40]}", raw(method, f"{ITEMS}/{value}", body, JSON), 422, ("path.item_id",))
        for value in (
            *("0", "-1", "hunter2", "1.5", "1e3", "NaN", "null", "%00", "%ff", "%20", "%2e", "9" * 4000, str(BEYOND)),
            *("0x1", "%D9%A1x"),
        )
        for method, body in (("GET", b""), ("DELETE", b""), ("PATCH", b"{}"))
    ),
    *(
        Bad(f"{method} of nothing", raw(method, f"{ITEMS}/{BEYOND - 1}", body, JSON), 404)
        for method, body in (("GET", b""), ("DELETE", b""), ("PATCH", b"{}"))
    ),
    # Methods
    *(
        Bad(f"{method} {ITEMS}", raw(method, ITEMS, b"", {"Content-Length": "0"}), 405, allow="GET, POST")
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
    ),
    *(
        Bad(f"{method} of an item", raw(method, f"{ITEMS}/1"), 405, allow="DELETE, GET, PATCH")
        for method in ("PUT", "POST", "OPTIONS", "TRACE")
    ),
    Bad("PUT of a body", raw("PUT", ITEMS, item(), JSON), 405, allow="GET, POST"),
    # Media types
    *(
        Bad(f"media type {kind}", raw("POST", ITEMS, item(name=SECRET), {"Content-Type": kind} if kind else {}), 415)
        for kind in (
            *("", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "json", "*/*"),
            *("multipart/form-data; boundary=x", "application/jsonp", "application/octet-stream", "\xff", "text/html"),
        )
    ),
    Bad("media type and query", raw("PATCH", f"{ITEMS}/1", b"hunter2", {"Content-Type": "text/plain"}), 415),
    # Bodies
    *(Bad(f"malformed: {name}", post(body), 400) for name, body in MALFORMED.items()),
    *(Bad(name, post(body), 422, (field,)) for name, (body, field) in SURROGATES.items()),
    Bad("malformed change", raw("PATCH", f"{ITEMS}/1", b"{hunter2", JSON), 400),
    Bad("no body", post(b""), 422, ("body",)),
    Bad("no body and no media type", raw("POST", ITEMS), 422, ("body",)),
    *(
        Bad(f"refused: {name}", post(body), 422, (field,) if field is not None else ("body." + "x" * 5000,))
        for name, (body, field) in REFUSED.items()
    ),
    Bad("several fields", post(item(name="", quantity=SECRET, a=1)), 422, ("body.name", "body.quantity", "body.a")),
    Bad("path and body", raw("PATCH", f"{ITEMS}/0", item(name=""), JSON), 422, ("path.item_id", "body.name")),
    Bad("a change to null", raw("PATCH", f"{ITEMS}/1", b'{"name": null}', JSON), 422, ("body.name",)),
    Bad("a conflicting name", post(item(name="Taken")), 409),
    Bad("a conflicting name with spaces", post(item(name=" Taken ")), 409),
    Bad("a conflict with a condition", post(item(name="Taken"), If_None_Match="*", If_Match='"x"'), 409),
    Bad("a condition on nothing", raw("GET", f"{ITEMS}/{BEYOND - 1}", headers={"If-None-Match": "*"}), 404),
    Bad("a body over the limit", post(item(name="x" * MIB)), 413),
    Bad("a body that says it is too large", raw("POST", ITEMS, b"", JSON | {"Content-Length": "99999999999"}), 413),
    Bad(
        "a body over the limit of another type",
        raw("POST", ITEMS, b"x" * (MIB + 1), {"Content-Type": "text/plain"}),
        413,
    ),
    # Queries
    *(Bad(f"?{query[:40]}", raw("GET", f"{ITEMS}?{query}"), 422, (field,)) for query, field in QUERIES.items()),
    Bad("two of the query", raw("GET", f"{ITEMS}?limit=x&offset=x"), 422, ("query.limit", "query.offset")),
    # Hosts
    Bad("another host", raw("GET", ITEMS, headers={"Host": "hunter2.example"}), 400),
    Bad("no host's name", raw("GET", ITEMS, headers={"Host": ""}), 400),
    Bad("a host with a path", raw("GET", ITEMS, headers={"Host": "localhost/hunter2"}), 400),
]

# Requests that the servers themselves refuse, in their own words. A proxy in front blocks most of them.
BROKEN = {
    "raw bytes in the address": raw("GET", b"/api/caf\xe9"),
    "a method in lower case": raw("get", ITEMS),
    "a long address": raw("GET", "/api/" + "x" * 100_000),
    "no protocol": b"hunter2\r\n\r\n",
    "a negative length": raw("POST", ITEMS, item(), JSON | {"Content-Length": "-1"}),
    "a length in words": raw("POST", ITEMS, item(), JSON | {"Content-Length": "hunter2"}),
    "two lengths": raw("POST", ITEMS, item(), JSON | {"Content-Length": "5, 7"}),
    "a broken chunk": raw("POST", ITEMS, b"hunter2\r\n\r\n", JSON | {"Transfer-Encoding": "chunked"}),
}


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def send(url: str, request: bytes) -> Reply:
    """Send bytes and read the response, even if the service did not read all of them."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        response = http.client.HTTPResponse(connection, method=request.partition(b" ")[0].decode())
        response.begin()
        return Reply(response.status, response.headers, response.read())


@pytest.fixture(scope="module")
def urls(template: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The services of both frameworks, with an item for conflicts."""
    with contextlib.ExitStack() as stack:
        found = {}
        for framework in FRAMEWORKS:
            directory = tmp_path_factory.mktemp(framework)
            service = stack.enter_context(in_production(template, framework, directory, postgres))
            assert ask(f"{service.url}{ITEMS}", "POST", {"name": "Taken"}).status == 201
            found[framework] = service.url
        yield found


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: re.sub(r"[^ -~]", "?", bad.name))
def test_both_say_the_same(urls: dict[str, str], bad: Bad) -> None:
    said = {framework: said_of(bad, send(url, bad.request)) for framework, url in urls.items()}
    assert said["django"] == said["fastapi"]


def said_of(bad: Bad, reply: Reply) -> dict[str, Any]:
    """Check the response of one framework and return its problem."""
    status, fields = bad.status, bad.fields
    assert reply.status == status, reply.body[:1000]
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Request-ID"]
    body: dict[str, Any] = json.loads(reply.body)
    assert set(body) == {"type", "title", "status", "detail", *(["errors"] if fields else [])}
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert body["title"]
    assert body["detail"]
    if fields:
        assert tuple(error["field"] for error in body["errors"]) == fields
        assert all(set(error) == {"field", "message"} and error["message"] for error in body["errors"])
    assert SECRET not in reply.body.decode()
    assert not CODE.search(reply.body)
    allowed = set(re.findall(r"\w+", reply.headers.get("Allow", ""))) - {"HEAD", "OPTIONS"}
    assert allowed == set(re.findall(r"\w+", bad.allow or ""))
    return {"title": body["title"], "fields": fields}


@pytest.mark.parametrize("request_", BROKEN.values(), ids=BROKEN)
def test_what_is_not_http(urls: dict[str, str], request_: bytes) -> None:
    for url in urls.values():
        reply = send(url, request_)
        assert 400 <= reply.status < 500
        assert not CODE.search(reply.body)
        assert send(url, raw("GET", ITEMS)).status == 200


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
)
def test_kinds_of_json_that_are_taken(urls: dict[str, str], media_type: str) -> None:
    for url in urls.values():
        assert send(url, raw("PATCH", f"{ITEMS}/1", b'{"quantity": 3}', {"Content-Type": media_type})).status == 200
