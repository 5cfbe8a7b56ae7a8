"""The recipes' effects that they have no test for."""

import pytest
import sentry_sdk
from httpx2 import AsyncClient

from my_service.environment import environment
from my_service.main import app


def test_a_setting_has_its_value() -> None:
    assert environment.greeting == "Hello"


def test_an_error_tracker_is_ready() -> None:
    assert app.title
    options = sentry_sdk.get_client().options
    assert options["environment"] == "development"
    assert (options["include_local_variables"], options["max_request_body_size"]) == (False, "never")


async def test_a_deletion_is_mailed(client: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    created = await client.post("/api/v1/items", json={"name": "Lamp"})
    assert (await client.delete(created.headers["Location"])).status_code == 204
    assert "Subject: An item was deleted" in capsys.readouterr().out
