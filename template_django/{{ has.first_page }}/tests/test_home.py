"""The page at /."""

import re
from importlib import import_module, reload
from urllib.parse import urljoin

import pytest
from django.conf import settings
from django.test import Client
from django.urls import clear_url_caches


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


@pytest.mark.parametrize(("api_docs", "status"), [(True, 302), (False, 404)])
def test_in_production_it_leads_to_the_documentation_if_that_is_enabled(
    client: Client, monkeypatch: pytest.MonkeyPatch, api_docs: bool, status: int
) -> None:
    urls = import_module(settings.ROOT_URLCONF)
    values = {"environment": "production", "api_docs": api_docs}
    changed = urls.environment.model_copy(update=values)
    with monkeypatch.context() as patch:
        patch.setattr(f"{urls.__package__}.environment.environment", changed)
        reload(urls)
        clear_url_caches()
        response = client.get("/")
    reload(urls)
    clear_url_caches()
    assert response.status_code == status
    assert response.headers.get("Location") == ("/api/docs" if api_docs else None)
