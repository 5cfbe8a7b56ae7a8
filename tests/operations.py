"""Tries every operation of a project's API with Schemathesis: examples, limits, fuzzing and sequences of calls.

The runs are bounded and deterministic. For more and random examples:

    GROUNDPLAN_EXAMPLES=3000 uv run pytest tests/test_rows.py::test_checks
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from tests.identity import identity
from tests.matrix import Row
from tests.processes import answers, free_port
from tests.projects import Project, Service, ask, token_of_superuser
from tests.tools import run

EXAMPLES = os.environ.get("GROUNDPLAN_EXAMPLES")
# As in production, but without what is required only there, such as a provider with HTTPS, or workers for jobs. On a
# busy machine, a prediction may take long.
VARIABLES = {"DEBUG": "false", "API_DOCS": "true", "MODEL_TIMEOUT": "20"}
# Each operation must have accepted its caller once. FastAPI has ETags: a random one is valid, and yet no item has it.
# Nor does a list know a random cursor, a model a random version, an account a random password or code, or an import a
# random text, and one example of a key is sent with several bodies. In lists of objects, Schemathesis makes texts with
# NUL in spite of their pattern.
CONFIGURATION = """
warnings.fail-on = ["missing_auth"]

[[operations]]
include-path-regex = "/(items(:bulk)?|jobs|jobs/import|predictions)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]

[[operations]]
include-method = "GET"
generation.codec = "ascii"  # other characters have up to 12 bytes in a URL, and Gunicorn refuses long ones itself

[[operations]]
include-name-regex = "^(PATCH|DELETE) .+/items/"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "412", "429"]

[[operations]]
include-path-regex = "^/api/(accounts|token)"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422", "429"]
"""
# These end the caller's sessions, so each has the token of another account.
ENDS_SESSIONS = ("DELETE /api/accounts/me/sessions/{session_id}", "DELETE /api/accounts/me/sessions")
OWN_HEADER = """
[[operations]]
include-name = "{name}"
headers = {{ Authorization = "{Authorization}" }}
"""


def try_operations(project: Project, row: Row, database_url: str, directory: Path) -> None:
    """Serve a project whose database is migrated, and try its API as a caller who may do everything.

    Event streams are left out, as they do not end; WebSockets are not in the schema.
    """
    variables = VARIABLES | {"DATABASE_URL": database_url, "PORT": str(free_port())}
    service = Service(project, variables, f"http://127.0.0.1:{variables['PORT']}")
    configuration, headers, without = CONFIGURATION, {}, []
    with contextlib.ExitStack() as running:
        if row.get("auth") == "oidc":
            provider = running.enter_context(identity(directory / "provider.log"))
            variables |= provider.variables()
            headers = bearer(provider.token("items:write"))
        serve = [*project.poe_command, "--quiet", "serve"]
        health = f"{service.url}/health/live"
        running.enter_context(project.running(serve, variables, directory / "log", lambda: answers(health)))
        if row.get("auth") == "jwt":
            headers, *others = map(bearer, tokens_of_accounts(service, 1 + len(ENDS_SESSIONS)))
            for name, other in zip(ENDS_SESSIONS, others, strict=True):
                configuration += OWN_HEADER.format(name=name, **other)
        elif row.get("login") == "allauth":
            headers = bearer(token_of_superuser(service))
        elif row.get("login") == "django":
            headers = session_of_superuser(service)
            without = ["--exclude-checks", "ignored_auth"]  # it sends other kinds of `Authorization` beside the session
        (directory / "schemathesis.toml").write_text(configuration)
        operations = {
            f"{method.upper()} {path}": json.dumps(operation)
            for path, methods in ask(f"{service.url}/api/openapi.json").json["paths"].items()
            for method, operation in methods.items()
        }
        streams = [name for name, operation in operations.items() if "text/event-stream" in operation]
        options = [
            *(option for name in streams for option in ("--exclude-name", name)),
            *(option for name, value in headers.items() for option in ("--header", f"{name}: {value}")),
        ]
        printed = schemathesis(service.url, directory, *options, *without)
    assert f"{len(operations) - len(streams)} selected / {len(operations)} total" in printed


def schemathesis(url: str, directory: Path, *options: str) -> str:
    """Run it, which must find nothing, and return what it prints."""
    bounds = ["--max-examples", EXAMPLES] if EXAMPLES else ["--max-examples", "5", "--seed", "1"]
    return run(
        Path(sys.executable).with_name("schemathesis"),
        *("run", f"{url}/api/openapi.json", "--checks", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--no-color", "--request-timeout", "10", *bounds, *options),
        cwd=directory,
    )


def bearer(token: str) -> dict[str, str]:
    """The header that sends a token."""
    return {"Authorization": f"Bearer {token}"}


TOKENS = """
import asyncio
from sqlalchemy.ext.asyncio import AsyncSession
from {package}.accounts import service
from {package}.core.database import create_engine
from {package}.environment import environment
from {package}.scopes import SCOPES

async def main():
    async with AsyncSession(create_engine(environment.database_url)) as session, session.begin():
        for number in range({number}):
            account = await service.create(session, f"dev{{number}}@example.com", "for-development", SCOPES)
            print((await service.start(session, account)).access_token)

asyncio.run(main())
"""


def tokens_of_accounts(service: Service, number: int) -> list[str]:
    """Access tokens of so many new accounts of a FastAPI project."""
    program = TOKENS.format(package=service.project.package.name, number=number)
    printed = service.project.run("python", "-c", program, DATABASE_URL=service.variables["DATABASE_URL"])
    return printed.split()[-number:]


LOG_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
client = Client()
client.force_login(get_user_model().objects.create_superuser("dev@example.com"))
print(client.cookies["sessionid"].value)
"""


def session_of_superuser(service: Service) -> dict[str, str]:
    """The headers of a session. Any text is a CSRF token if the cookie has it too."""
    url, csrf = service.variables["DATABASE_URL"], "a" * 32
    printed = service.project.poe("manage", "shell", "--verbosity", "0", "--command", LOG_IN, DATABASE_URL=url)
    return {"Cookie": f"sessionid={printed.split()[-1]}; csrftoken={csrf}", "X-CSRFToken": csrf}
