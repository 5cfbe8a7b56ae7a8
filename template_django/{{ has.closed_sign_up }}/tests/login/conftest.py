"""The tests of the sign-up: this service has closed it, and the tests of its example test that."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def open_sign_up(settings: Settings) -> None:
    settings.ACCOUNT_ADAPTER = "allauth.account.adapter.DefaultAccountAdapter"
