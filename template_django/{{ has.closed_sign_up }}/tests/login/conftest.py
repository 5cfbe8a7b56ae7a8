"""The usual settings of the login: the example of this service has its own, and tests them."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def usual_settings(settings: Settings) -> None:
    settings.LOGIN_REDIRECT_URL = "account"
    settings.SIGN_UP_OPEN = True
