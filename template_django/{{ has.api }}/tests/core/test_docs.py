"""The API's documentation."""

import re

import pytest
from django.test import Client

pytestmark = pytest.mark.urls("tests.core.probe")


def test_the_page_needs_no_other_server(client: Client) -> None:
    page = client.get("/v1/docs")
    assert page["Content-Type"].startswith("text/html")
    assert not re.findall(r'(?:src|href)="(?!/)|="//', page.text)


def test_every_operation_promises_problems(client: Client) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    assert "/v1/numbers/{number}" in paths
    for operations in paths.values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
