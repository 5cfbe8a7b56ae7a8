"""The environment variables that every service reads, all checked before it starts.

The file `.env`, or another one named by ENV_FILE, supplies variables that are not set. An empty
variable counts as not set.
"""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    HttpUrl,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from . import postgres

ROOT = Path(__file__).parents[2]
HOST = re.compile(r"\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class CoreEnvironment(BaseSettings):
    """One typed field per variable."""

    model_config = SettingsConfigDict(
        env_file=ROOT / os.environ.get("ENV_FILE", ".env"),
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    environment: Literal["development", "production"] = "development"
    debug: bool = False
    database_url: str = Field(default=f"sqlite:///{ROOT}/db.sqlite3", repr=False)  # a secret
    database_pool_size: int = Field(default=10, ge=1, le=1000)  # connections for each process
    # Host names without scheme or port, separated by commas; .example.com includes its subdomains.
    allowed_hosts: CommaSeparated = ()
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)
    ] = "INFO"
    api_docs: bool = False
    otel_exporter_otlp_endpoint: HttpUrl | None = None
    # Read by the server itself; declared here so that they are checked.
    port: int = Field(default=8000, ge=1, le=65535)
    web_concurrency: int = Field(default=1, ge=1, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_development(cls, given: dict[str, object]) -> dict[str, object]:
        """Without ENVIRONMENT, the service accepts only requests to this machine's names."""
        if given.get("environment") == "production":
            return given
        hosts = ("localhost", "127.0.0.1", "[::1]")
        return {"debug": True, "api_docs": True, "allowed_hosts": hosts} | given

    # One validator for each field: model validators run only if all fields are valid.

    @field_validator("debug")
    @classmethod
    def _debug_is_for_development(cls, debug: bool, info: ValidationInfo) -> bool:
        if debug and info.data.get("environment") == "production":
            raise ValueError("must be false in production")
        return debug

    @field_validator("database_url")
    @classmethod
    def _database_is_supported(cls, url: str, info: ValidationInfo) -> str:
        if not url.startswith("sqlite:"):
            postgres.parameters(url)
        elif info.data.get("environment") == "production":
            raise ValueError("in production, use postgresql://user:password@host:5432/name")
        elif url.removeprefix("sqlite:///") in ("", url):
            raise ValueError("must have the form sqlite:///path")
        return url

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_can_match(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        in_production = info.data.get("environment") == "production"
        if not hosts or (in_production and "*" in hosts):
            raise ValueError("required in production: the host names of this service, without *")
        if not all(HOST.fullmatch(host) for host in hosts):
            raise ValueError("must be host names without scheme or port, separated by commas")
        return tuple(map(str.lower, hosts))


def load[EnvironmentT: CoreEnvironment](kind: type[EnvironmentT]) -> EnvironmentT:
    """Read the environment, or exit with one line per problem on stderr, without the values."""
    try:
        return kind()
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])).upper() or 'environment'}: "
            f"{problem['msg'].removeprefix('Value error, ')}\n"
            for problem in error.errors(include_input=False)
        ]
    except SettingsError as error:  # its message names the field, not the value
        problems = [f"{error}: it must be JSON; CommaSeparated is a type for a plain list\n"]
    sys.stderr.writelines(problems)
    raise SystemExit(1)
