"""The recipes' effects that they have no test for."""

from pathlib import Path

import pytest
import sentry_sdk
from django.test import Client

from my_service.core.environment import load
from my_service.environment import Environment, environment

pytestmark = pytest.mark.django_db


def test_a_setting_has_its_value() -> None:
    assert environment.greeting == "Hello"


def test_a_page_of_another_origin_may_read(client: Client) -> None:
    answer = client.get("/api/v1/items", headers={"Origin": "https://app.example.com"})
    assert answer["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Access-Control-Allow-Origin" not in client.get("/api/v1/items", headers={"Origin": "https://evil.example"})


@pytest.mark.parametrize("dsn", ["tracker", "https://tracker.example/1", "https://key@tracker.example"])
def test_a_wrong_address_of_the_tracker_is_refused(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SENTRY_DSN", dsn)
    with pytest.raises(SystemExit):
        load(Environment)
    assert capsys.readouterr().err.startswith("SENTRY_DSN: String should match pattern")
    monkeypatch.setenv("SENTRY_DSN", "https://key@o1.tracker.example:9000/path/1")
    assert load(Environment).sentry_dsn


def test_an_error_tracker_is_ready() -> None:
    options = sentry_sdk.get_client().options
    assert options["environment"] == "development"
    assert (options["include_local_variables"], options["max_request_body_size"]) == (False, "never")


def test_texts_are_translated(staff: Client) -> None:
    page = staff.post("/items/add/", {}, headers={"Accept-Language": "de"})
    assert "Dieses Feld ist zwingend erforderlich." in page.text
    assert '<html lang="de">' in page.text
    if Path("my_service/locale/de/LC_MESSAGES/django.mo").exists():
        assert "<h1>Gegenstände</h1>" in staff.get("/items/", headers={"Accept-Language": "de"}).text
