"""The service, its checks and its migrations interpret DATABASE_URL as psql does."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conformance.subject import PRODUCTION
from tests.postgres import Server, start
from tests.projects import Project

pytestmark = pytest.mark.usefixtures("once_per_framework")

# {server} is host and port, {port} the port alone, {socket} the encoded directory of the Unix socket.
ADDRESSES = {
    "plain": "postgresql://postgres@{server}/service",
    "the short scheme": "postgres://postgres@{server}/service",
    "a password": "postgresql://postgres:p%40ss%2Fword@{server}/service",
    "several hosts": "postgresql://postgres@127.0.0.1:1,{server}/service",
    "a socket as host": "postgresql://postgres@{socket}:{port}/service",
    "a socket as parameter": "postgresql:///service?host={socket}&port={port}&user=postgres",
    "no name": "postgresql://postgres@{server}",
    "no name but a slash": "postgresql://postgres@{server}/",
    "an encoded name": "postgresql://postgres@{server}/serv%69ce",
    "options": "postgresql://postgres@{server}/service?options=-c%20search_path%3Dother",
    "no TLS": "postgresql://postgres@{server}/service?sslmode=disable",
    "any server": "postgresql://postgres@{server}/service?target_session_attrs=any&connect_timeout=3",
    "TLS that the server does not have": "postgresql://postgres@{server}/service?sslmode=require",
    "a parameter of another program": "postgresql://postgres@{server}/service?pgbouncer=true",
    "a newline at the end": "postgresql://postgres@{server}/service\n",
    "another database": "postgresql://postgres@{server}/nothing",
    "a driver in the scheme": "postgresql+psycopg://postgres@{server}/service",
    "no port number": "postgresql://postgres@127.0.0.1:port/service",
}

# Both use the project as its owner would in a shell: one process instead of three.
SCRIPTS = {
    "django": """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
READY = Client(raise_request_exception=False).get("/health/ready", headers={"host": "127.0.0.1"}).status_code
MIGRATE = lambda: call_command("migrate", verbosity=0)
""",
    "fastapi": """
import alembic.command, alembic.config
from fastapi.testclient import TestClient
from PACKAGE.main import app
with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
    READY = client.get("/health/ready").status_code
MIGRATE = lambda: alembic.command.upgrade(alembic.config.Config("alembic.ini"), "head")
""",
}
REPORT = """
import json, os, time
time.sleep = lambda seconds: None  # a migration is retried without pauses
import PACKAGE.environment
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "PACKAGE.settings")
print("RESULT", json.dumps(["accepted", None]))
SCRIPT
print("RESULT", json.dumps(["ready", READY]))
try:
    MIGRATE()
except BaseException as error:
    print("RESULT", json.dumps(["migrated", type(error).__name__]))
else:
    print("RESULT", json.dumps(["migrated", None]))
"""
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this module's own: some addresses lead to its first database."""
    with start() as server:
        yield server


@dataclass(frozen=True)
class Result:
    """The result of starting the project with a URL."""

    accepted: bool
    ready: bool
    migrated: bool
    printed: str


def tried(project: Project, url: str) -> Result:
    """Starts the project with a URL as its production environment would."""
    package = project.package.name
    framework = "django" if (project.path / "manage.py").exists() else "fastapi"
    script = REPORT.replace("SCRIPT", SCRIPTS[framework]).replace("PACKAGE", package)
    command: list[str | Path] = [project.environment / "bin" / "python", "-c", script]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | PRODUCTION | {"DATABASE_URL": url}
    result = subprocess.run(
        command, cwd=project.path, env=environment, stdout=-1, stderr=-2, text=True, check=False, timeout=60
    )
    lines = [line.partition("RESULT ")[2] for line in result.stdout.splitlines() if line.startswith("RESULT ")]
    found = dict(json.loads(line) for line in lines)
    return Result("accepted" in found, found.get("ready") == 200, found.get("migrated", "") is None, result.stdout)


@pytest.fixture(autouse=True)
def database(framework: str, server: Server) -> str:
    """The URL of a database with two schemas."""
    if f"service_{framework}" not in server.databases():
        server.query("CREATE SCHEMA other", server.create(f"service_{framework}"))
    return f"{server.url.removesuffix('postgres')}service_{framework}"


@pytest.mark.parametrize("name", ADDRESSES)
def test_it_is_read_as_psql_reads_it(project: Project, framework: str, server: Server, name: str) -> None:
    socket = quote(str(server.sockets), safe="")
    url = ADDRESSES[name].format(server=f"127.0.0.1:{server.port}", port=server.port, socket=socket)
    url = url.replace("/serv%69ce", f"/serv%69ce_{framework}").replace("/service", f"/service_{framework}")
    command: list[str | Path] = [server.bin / "psql", "--no-psqlrc", "-Atc", "SELECT current_database()", url]
    psql = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    result = tried(project, url)
    works = psql.returncode == 0
    assert (result.ready, result.migrated) == (works, works), f"psql: {psql.stderr or 'works'}\n{result.printed}"
    if works:
        assert result.accepted
        assert int(server.query(TABLES, url)) > 1
    else:
        assert "Traceback" not in result.printed.rpartition('RESULT ["ready"')[2]  # a failed probe is logged with one
        assert "p@ss" not in result.printed
    if not result.accepted:
        assert "DATABASE_URL: " in result.printed


def test_its_own_options_come_with_ours(project: Project, server: Server, database: str) -> None:
    """The search path of the URL counted: the tables are where it leads."""
    url = f"{database}?options=-c%20search_path%3Dother"
    result = tried(project, url)
    assert result.migrated, result.printed
    assert int(server.query(TABLES.partition("NOT IN")[0] + "= 'other'", url)) > 1
