"""The home page, and the pages of errors."""

import re
from unittest.mock import patch
from urllib.parse import urljoin

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client
from django.views.generic import TemplateView


@pytest.mark.django_db
def test_the_home_page_links_to_what_exists(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    found = re.findall(r'(?:href|src)="(?!data:|#)(.*?)"', page.text)
    links = [urljoin("/", link) for link in found]
    assert {"/", "/api/docs", "/health/ready"} <= {*links}
    for link in links:
        response = client.get(link, follow=True)  # the admin redirects to its login
        assert response.status_code == 200, link
        response.getvalue()  # closes a file


def test_the_menu_shows_who_is_logged_in(staff: Client) -> None:
    assert "Log out" in staff.get("/").text
    assert "Log out" not in Client().get("/").text


@pytest.mark.parametrize("status", ["400", "403", "403_csrf", "404", "500", "503"])
def test_pages_of_errors_need_no_database_and_no_context(status: str) -> None:
    page = render_to_string(f"{status}.html")
    assert f'<p class="status">{status[:3]}</p>' in page
    assert re.search("<title>.+</title>", page)


def test_a_page_that_does_not_exist(client: Client) -> None:
    page = client.get("/nothing")
    assert (page.status_code, "Page not found" in page.text) == (404, True)


def test_a_form_without_its_token() -> None:
    page = Client(enforce_csrf_checks=True).post("/")
    assert (page.status_code, "The form has expired" in page.text) == (403, True)


@pytest.mark.parametrize(
    ("error", "status", "heading"),
    [
        (RuntimeError("hunter2"), 500, "Something went wrong"),
        (OperationalError("hunter2"), 503, "Back soon"),
    ],
)
def test_an_exception(client: Client, error: Exception, status: int, heading: str) -> None:
    client.raise_request_exception = False
    with patch.object(TemplateView, "get", side_effect=error):
        page = client.get("/")
    assert (page.status_code, heading in page.text) == (status, True)
    assert "hunter2" not in page.text
