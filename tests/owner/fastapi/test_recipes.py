"""The recipes' effects that they have no test for."""

import pytest
import sentry_sdk
from httpx2 import AsyncClient
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from sqlalchemy.exc import TimeoutError  # noqa: A004

from my_service.accounts import passwords
from my_service.core.environment import load
from my_service.environment import Environment, environment
from my_service.main import app

GIVEN = ["include_local_variables", "max_request_body_size"]  # by the recipe


def test_a_setting_has_its_value() -> None:
    assert environment.greeting == "Hello"


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
    assert app.title
    options = sentry_sdk.get_client().options
    assert options["environment"] == "development"
    assert (options["include_local_variables"], options["max_request_body_size"]) == (False, "never")


async def test_the_tracker_gets_no_password(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a login during an outage of the database, which is logged as an error."""
    sent: list[bytes] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            sent.append(envelope.serialize())

    def fail(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(passwords, "verify", fail)
    options = {name: value for name, value in sentry_sdk.get_client().options.items() if name in GIVEN}
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(sentry_sdk.Client(dsn="https://key@tracker.example/1", transport=Kept, **options))
        form = {"grant_type": "password", "username": "ada@example.com", "password": "hunter2"}
        assert (await client.post("/api/token", data=form)).status_code == 503
    assert b"TimeoutError" in sent[0]
    assert b"hunter2" not in b"".join(sent)


async def test_a_deletion_is_mailed(client: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    created = await client.post("/api/v1/items", json={"name": "Lamp"})
    assert (await client.delete(created.headers["Location"])).status_code == 204
    assert "Subject: An item was deleted" in capsys.readouterr().out
