"""The page at / in development."""

import re
from urllib.parse import urljoin

import pytest
from django.test import Client


@pytest.mark.django_db
def test_the_first_page_links_to_what_exists(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    links = [urljoin("/", link) for link in re.findall(r'href="(?!data:)(.*?)"', page.text)]
    assert [link for link in links if link != "/admin/"] == [
        "/static/home.css",
        "/api/docs",
        "/health/ready",
    ]
    for link in links:
        response = client.get(link, follow=True)  # the admin redirects to its login
        assert response.status_code == 200, link
        response.getvalue()  # closes a file
