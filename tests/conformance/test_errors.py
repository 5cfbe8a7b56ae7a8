"""Errors are problem details (RFC 9457), and say only what the client did."""

import uuid

import pytest

from tests.conformance.subject import Subject
from tests.projects import Answer

REFUSED = "hunter2-was-refused"


def assert_problem(answer: Answer, status: int) -> None:
    """The shape that every error of the API has."""
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers["X-Request-ID"]
    text = answer.body.decode()
    for inside in ("Traceback", "psycopg", ".py", "RuntimeError", REFUSED):
        assert inside not in text


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "headers"),
    [
        (400, "GET", "/api/v1/items", None, {"Host": "evil.example"}),
        (400, "POST", "/api/v1/items", f'{{"name": "{REFUSED}"'.encode(), {}),
        (404, "GET", "/api/nothing", None, {}),
        (404, "GET", "/api/v1/items/999999", None, {}),
        (405, "PUT", "/api/v1/items", {}, {}),
        (413, "POST", "/api/v1/items", None, {"Content-Length": str(2 * 1024 * 1024)}),  # before any of it was sent
        (415, "POST", "/api/v1/items", b"name=x", {"Content-Type": "application/x-www-form-urlencoded"}),
        (422, "POST", "/api/v1/items", {"name": "", "colour": REFUSED, "quantity": REFUSED}, {}),
        (422, "GET", f"/api/v1/items?limit={REFUSED}", None, {}),
        (422, "GET", f"/api/v1/items?serach={REFUSED}", None, {}),
        (422, "GET", f"/api/v1/items/{REFUSED}", None, {}),
        (500, "GET", "/api/probe/fail", None, {}),
        (401, "GET", "/api/probe/status?code=401", None, {}),
        (403, "GET", "/api/probe/status?code=403", None, {}),
        (409, "GET", "/api/probe/status?code=409", None, {}),
        (429, "GET", "/api/probe/status?code=429", None, {}),
        (503, "GET", "/api/probe/status?code=503", None, {}),
    ],
)
def test_errors_are_problems(
    service: Subject, status: int, method: str, path: str, body: object, headers: dict[str, str]
) -> None:
    assert_problem(service.ask(path, method, body, **headers), status)


def test_a_conflict_is_a_problem(service: Subject) -> None:
    item = {"name": uuid.uuid4().hex}
    assert service.ask("/api/v1/items", "POST", item).status == 201
    assert_problem(service.ask("/api/v1/items", "POST", item), 409)


def test_a_method_that_is_not_supported_names_those_that_are(service: Subject) -> None:
    answer = service.ask("/api/v1/items", "PUT", {})
    assert {method.strip() for method in answer.headers["Allow"].split(",")} >= {"GET", "POST"}


def test_refused_fields_are_named(service: Subject) -> None:
    errors = service.ask("/api/v1/items", "POST", {"name": "", "colour": "red"}).json["errors"]
    assert {error["field"] for error in errors} == {"body.name", "body.colour"}
    assert all(set(error) == {"field", "message"} and error["message"] for error in errors)


def test_refused_parameters_are_named(service: Subject) -> None:
    errors = service.ask("/api/v1/items?limit=many&serach=lamp").json["errors"]
    assert {error["field"] for error in errors} == {"query.limit", "query.serach"}
