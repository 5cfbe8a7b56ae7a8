"""Logins. The first one gives all other users their token, unless --token does."""

import sys
from typing import Any

from locust import events, task
from requests import post

from loadtests._service import ServiceUser

TOKEN = "/api/token"  # noqa: S105


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any, **_: Any) -> None:
    group = parser.add_argument_group("Account, by default that of `poe seed`")
    group.add_argument("--email", default="dev@example.com", env_var="LOAD_EMAIL")
    password = "for-development"  # noqa: S105
    group.add_argument("--password", default=password, env_var="LOAD_PASSWORD")


@events.init.add_listener
def leave_a_single_user_to_the_others(environment: Any, **_: Any) -> None:
    LoginUser.fixed_count = int((environment.parsed_options.num_users or 1) > 1)


@events.test_start.add_listener
def log_everybody_in(environment: Any, **_: Any) -> None:
    options = environment.parsed_options
    if not options.token:
        response = post(environment.host + TOKEN, form(options), timeout=10)
        if not response.ok:
            sys.exit(f"{options.email} cannot log in ({response.status_code}). Run: poe seed")
        options.token = response.json()["access_token"]


def form(options: Any) -> dict[str, str]:
    return {"grant_type": "password", "username": options.email, "password": options.password}


class LoginUser(ServiceUser):
    """One, however many users there are: hashing a password takes CPU time on purpose."""

    @task
    def log_in(self) -> None:
        self.client.post(TOKEN, data=form(self.environment.parsed_options))
