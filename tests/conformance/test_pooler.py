"""PgBouncer in transaction mode: the service works behind it or says why not; migrations refuse it."""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.conftest import Start
from tests.conformance.subject import PRODUCTION, Subject
from tests.postgres import Server
from tests.processes import free_port, listens, running, unprivileged
from tests.projects import Project

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")

pytestmark = [
    pytest.mark.usefixtures("once_per_framework"),
    pytest.mark.skipif(not PROGRAM, reason="needs pgbouncer"),
]

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits{ignored}
"""


@contextlib.contextmanager
def pooling(server: Server, *, ignored: str = "") -> Iterator[int]:
    """A pooler in front of the server until the block ends; gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="groundplan-pgbouncer-") as directory:
        file = Path(directory) / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(server=server.port, port=port, ignored=ignored))
        user = unprivileged()  # it refuses to run as root
        if user:
            shutil.chown(directory, user)
        command = [str(PROGRAM), "-q", str(file)]
        log = file.with_name("log")
        # It ends with 1 when it gets SIGTERM.
        with running(command, log, lambda: listens(port), seconds=10, grace=10, clean=False, user=user):
            yield port


def behind(port: int, framework: str) -> str:
    """The URL of the suite's database behind a pooler."""
    return f"postgresql://postgres@127.0.0.1:{port}/conformance_{framework}"


def test_a_migration_refuses_it(project: Project, framework: str, postgres: Server) -> None:
    """Its lock would stay on a connection that others get next. One line says so."""
    name = f"pooled_migration_{framework}"
    direct = postgres.create(name)
    with pooling(postgres, ignored=", options") as port:
        variables = PRODUCTION | {"DATABASE_URL": direct.replace(f":{postgres.port}/", f":{port}/")}
        printed = project.poe("--quiet", "migrate", code=1, **variables)
    assert "pooler" in printed
    assert "Traceback" not in printed
    assert postgres.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", direct).strip() == "0"


def test_the_service_works_behind_it(framework: str, service: Subject, start: Start, postgres: Server) -> None:
    """More clients than the pooler has connections read and write: nothing is prepared, nothing stays behind."""
    with ExitStack() as stack:
        port = stack.enter_context(pooling(postgres, ignored=", options"))
        pooled = stack.enter_context(start(DATABASE_URL=behind(port, framework)))
        assert pooled.ask("/health/ready").status == 200

        def work(_: int) -> set[int]:
            created = pooled.ask("/api/v1/items", "POST", {"name": uuid.uuid4().hex})
            path = created.headers["Location"]
            return {
                created.status,
                pooled.ask("/api/v1/items?limit=2").status,
                pooled.ask(path).status,
                pooled.ask(path, "PATCH", {"quantity": 1}).status,
                pooled.ask("/api/v1/items", "POST", {"name": created.json["name"]}).status,
            }

        with ThreadPoolExecutor(6) as threads:
            assert set().union(*threads.map(work, range(24))) == {200, 201, 409}
    assert service.ask("/api/v1/items").status == 200


@pytest.mark.usefixtures("service")  # which migrates the database
def test_a_pooler_that_refuses_the_limits_is_named(framework: str, start: Start, postgres: Server) -> None:
    """As PgBouncer does without `ignore_startup_parameters`: the service is not ready, and its log says why."""
    with ExitStack() as stack:
        port = stack.enter_context(pooling(postgres))
        pooled = stack.enter_context(start(DATABASE_URL=behind(port, framework)))
        if pooled.ask("/health/ready").status == 503:
            assert "options" in pooled.log.read_text()
        else:
            assert pooled.ask("/api/v1/items").status == 200
        pooled = stack.enter_context(start(DATABASE_URL=f"{behind(port, framework)}?options="))  # send none
        assert pooled.ask("/health/ready").status == 200
        assert pooled.ask("/api/v1/items").status == 200
