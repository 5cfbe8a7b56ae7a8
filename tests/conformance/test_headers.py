"""The headers that tell browsers to be careful: on answers, pages and errors, and through the proxy."""

from collections.abc import Iterator

import pytest

from tests.conformance.conftest import Proxy
from tests.conformance.subject import Subject
from tests.projects import ask

HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/items", 200),
        ("/api/docs", 200),
        ("/api/v1/items/999999", 404),
        ("/api/nothing", 404),
        ("/nothing", 404),
        ("/api/v1/items?limit=nonsense", 422),
    ],
)
def test_every_answer_has_them(traced: Subject, path: str, status: int) -> None:
    answer = traced.ask(path, **HTTPS)
    assert answer.status == status
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in {"no-referrer", "same-origin", "strict-origin-when-cross-origin"}
    policy = directives(headers["Content-Security-Policy"])
    assert policy["frame-ancestors"] == {"'none'"} or headers["X-Frame-Options"] == "DENY"
    scripts = policy.get("script-src", policy["default-src"])
    assert not scripts & {"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:", "data:"}
    assert policy.get("object-src", policy["default-src"]) == {"'none'"}
    seconds = headers["Strict-Transport-Security"].partition("max-age=")[2].partition(";")[0]
    assert int(seconds) >= 365 * 24 * 60 * 60


def directives(policy: str) -> dict[str, set[str]]:
    """A content security policy by its directives."""
    parts = [part.split() for part in policy.split(";") if part.strip()]
    return {name: set(sources) for name, *sources in parts}


@pytest.mark.parametrize("path", ["/api/v1/items", "/api/nothing", "/api/probe/fail", "/health/live"])
def test_no_answer_names_software_and_version(service: Subject, path: str) -> None:
    headers = service.ask(path).headers
    assert not any(character.isdigit() for character in headers.get("Server", ""))
    assert "X-Powered-By" not in headers


def test_documentation_is_served_only_if_enabled(service: Subject, traced: Subject) -> None:
    for path in ("/api/docs", "/api/openapi.json"):
        assert service.ask(path).status == 404
        assert traced.ask(path).status == 200
    assert b"development" not in service.ask("/").body  # FastAPI's first page, and a section of Django's


@pytest.fixture(scope="module")
def public(service: Subject, proxy: Proxy) -> Iterator[str]:
    """The service as the world sees it."""
    with proxy(service) as url:
        yield url


def test_the_proxy_keeps_them(public: str, service: Subject) -> None:
    """Except for Strict-Transport-Security, which plain HTTP does not get."""
    names = {"X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"}
    for path in ("/api/v1/items", "/api/nothing"):
        direct, proxied = service.ask(path).headers, ask(public + path).headers
        for name in names:
            assert proxied.get_all(name) == direct.get_all(name), name
        assert len(proxied.get_all("X-Request-ID") or ()) == 1
        assert "Strict-Transport-Security" not in proxied
        assert not any(character.isdigit() for character in proxied.get("Server", ""))


def test_metrics_do_not_pass_the_proxy(public: str) -> None:
    for path in ("/metrics", "/metrics/", "/metrics?x", "/%6detrics", "//metrics", "/./metrics"):
        answer = ask(public + path)
        assert answer.status == 404, path
        assert b"http_server" not in answer.body


def test_an_identifier_passes_the_proxy(public: str, service: Subject) -> None:
    assert (
        ask(f"{public}/api/v1/items", X_Request_ID="through-the-proxy").headers["X-Request-ID"] == "through-the-proxy"
    )
    service.request_line("through-the-proxy")
