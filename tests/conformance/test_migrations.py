"""Migrations are a step of their own."""

from concurrent.futures import ThreadPoolExecutor

from tests.conformance.conftest import Start
from tests.conformance.subject import eventually, migrate
from tests.postgres import Server
from tests.projects import Project

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def test_two_at_once_do_not_disturb_each_other(framework: str, project: Project, postgres: Server) -> None:
    url = postgres.create(f"migrated_twice_{framework}")
    with ThreadPoolExecutor(2) as threads:
        for migration in [threads.submit(migrate, project, url) for _ in range(2)]:
            migration.result()
    assert int(postgres.query(TABLES, url)) > 1
    before = postgres.dump(url)
    migrate(project, url)
    assert postgres.dump(url) == before


def test_a_service_never_migrates(framework: str, project: Project, postgres: Server, start: Start) -> None:
    """It starts, is alive, and leaves creating the tables to the deployment; as soon as they exist, it uses them."""
    url = postgres.create(f"not_migrated_{framework}")
    with start(DATABASE_URL=url) as service:
        assert service.ask("/health/live").status == 200
        assert service.ask("/api/v1/items").status in {500, 503}
        assert int(postgres.query(TABLES, url)) == 0
        migrate(project, url)
        assert eventually(lambda: service.ask("/api/v1/items").status == 200)
        service.stop()
