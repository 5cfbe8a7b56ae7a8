"""One identifier joins a request's answer, its log lines and the caller's own."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.subject import Subject, eventually


@pytest.mark.parametrize("given", ["a", "Order-7_of.9", "a" * 64])
def test_a_well_formed_identifier_is_taken_over(service: Subject, given: str) -> None:
    assert service.ask("/api/v1/items", X_Request_ID=given).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", 'a"b', "é", "${jndi}", "a,b"])
def test_any_other_is_replaced(service: Subject, given: str) -> None:
    made = service.ask("/api/v1/items", X_Request_ID=given).headers["X-Request-ID"]
    assert made != given
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", made)


def test_without_one_each_request_gets_its_own(service: Subject) -> None:
    made = {service.ask("/api/v1/items").headers["X-Request-ID"] for _ in range(10)}
    assert len(made) == 10


def test_errors_have_it_too(service: Subject) -> None:
    for path in ("/api/nothing", "/api/probe/fail"):
        assert service.ask(path, X_Request_ID="an-error").headers["X-Request-ID"] == "an-error"


def test_it_is_in_every_line_of_the_request(service: Subject) -> None:
    service.ask("/api/probe/log", "POST", {"colour": "green"}, X_Request_ID="logging")
    service.request_line("logging")
    logged = [line["event"] for line in service.lines("logging")]
    assert "logged by the service" in logged
    assert "logged by a library" in logged


def test_requests_at_the_same_time_keep_theirs_apart(service: Subject) -> None:
    numbers = range(60)
    with ThreadPoolExecutor(20) as threads:
        answers = threads.map(
            lambda number: service.ask(
                "/api/probe/log", "POST", {"apart": f"apart-{number}"}, X_Request_ID=f"apart-{number}"
            ),
            numbers,
        )
        for number, answer in zip(numbers, answers, strict=True):
            assert answer.headers["X-Request-ID"] == f"apart-{number}"

    lines = eventually(
        lambda: found if len(found := [line for line in service.lines() if "apart" in line]) >= len(numbers) else None
    )
    assert lines
    assert {line["apart"] for line in lines} == {f"apart-{number}" for number in numbers}
    assert all(line["request_id"] == line["apart"] for line in lines)
