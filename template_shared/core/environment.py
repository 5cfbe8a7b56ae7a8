"""The environment variables that every service reads, all checked before it starts.

Only real environment variables count: nothing here reads a file. An empty one counts as not set.
"""

import re
import sys
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    HttpUrl,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from .sizing import CONNECTIONS
from .timeouts import DRAIN

ON_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
HOST = re.compile(r"\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


class CoreEnvironment(BaseSettings):
    """One field a variable; its description is what the user reads when the value is not allowed."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    environment: Literal["development", "production"] = Field(
        default="development",
        description="development or production",
    )
    debug: bool = Field(
        default=False,
        description="true or false, and never true in production",
    )
    database_url: str = Field(
        default="sqlite:///./db.sqlite3",
        description="postgresql://user:password@host:5432/name, or sqlite:///path in development",
        repr=False,  # it holds a password
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "the host names this service answers to, separated by commas, without scheme or port; "
            ".example.com includes its subdomains; required in production, where * is refused"
        ),
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO",
        description="DEBUG, INFO, WARNING, ERROR or CRITICAL",
    )
    api_docs: bool = Field(
        default=False,
        description="true or false",
    )
    # OpenTelemetry's packages read these two by themselves; here, they are only checked.
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        default=None,
        description="the http:// or https:// address of a collector for traces",
    )
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf",
        description="http/protobuf, which is the only protocol that is installed",
    )
    port: int = Field(
        default=8000,
        ge=1,
        le=65535,
        description="a number from 1 to 65535",
    )
    web_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="a number from 1 to 1000",
    )
    database_connections: int = Field(
        default=20,
        le=10000,
        description=f"a number up to 10000, and at least {CONNECTIONS} for each of WEB_CONCURRENCY",
    )
    drain_seconds: int = Field(
        default=DRAIN,
        ge=0,
        le=600,
        description="a number from 0 to 600",
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_development(cls, given: dict[str, object]) -> dict[str, object]:
        """Started without ENVIRONMENT, a service answers nobody from outside this machine."""
        if given.get("environment") == "production":
            return given
        return {
            "debug": True,
            "api_docs": True,
            "allowed_hosts": ON_THIS_MACHINE,
            "drain_seconds": 0,
        } | given

    # Each looks at one field: validators of the whole would run only when every field is good,
    # and the user is to see all problems at once.

    @field_validator("debug")
    @classmethod
    def _debug_stays_at_home(cls, debug: bool, info: ValidationInfo) -> bool:
        if debug and info.data.get("environment") == "production":
            raise ValueError
        return debug

    @field_validator("database_url")
    @classmethod
    def _database_is_supported(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        name = parts.path.removeprefix("/")
        if parts.scheme == "postgresql":
            supported = bool(name and "/" not in name and (parts.port is None or parts.port > 0))
        else:
            at_home = info.data.get("environment") != "production"
            supported = url.startswith("sqlite:///") and bool(name) and at_home
        if not supported:
            raise ValueError
        return url

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _hosts_are_separated_by_commas(cls, hosts: object) -> object:
        if isinstance(hosts, str):
            return tuple(host.strip().lower() for host in hosts.split(",") if host.strip())
        return hosts

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_can_match(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        in_production = info.data.get("environment") == "production"
        if not hosts or not all(HOST.fullmatch(host) for host in hosts):
            raise ValueError
        if in_production and "*" in hosts:
            raise ValueError
        return hosts

    @field_validator("database_connections")
    @classmethod
    def _workers_have_connections(cls, connections: int, info: ValidationInfo) -> int:
        if connections < CONNECTIONS * (info.data.get("web_concurrency") or 1):
            raise ValueError
        return connections

    @field_validator("log_level", mode="before")
    @classmethod
    def _level_in_any_case(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level


def load[EnvironmentT: CoreEnvironment](kind: type[EnvironmentT]) -> EnvironmentT:
    """Read the environment, or end the process with one line a problem on stderr."""
    try:
        return kind()
    except ValidationError as error:
        problems = _problems(kind, error)
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        problems = [f"{field[1].upper()}: a list or mapping, as JSON" if field else str(error)]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    raise SystemExit(1)


def _problems(kind: type[CoreEnvironment], error: ValidationError) -> list[str]:
    """Say what is allowed, never what was given: that may be a secret."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0])
        field = kind.model_fields.get(name)
        allowed = field.description if field and field.description else problem["msg"]
        problems.append(f"{name.upper()}: {allowed}")
    return problems
