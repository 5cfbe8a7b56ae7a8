"""It runs as many workers and opens as many connections as it was told, under load too."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.conftest import Start
from tests.conformance.scrape import scraped_once
from tests.conformance.subject import with_password
from tests.postgres import Server
from tests.projects import Answer

WORKERS, POOL = 2, 2


def test_there_are_as_many_workers_as_web_concurrency_says(start: Start) -> None:
    with start(WEB_CONCURRENCY="3") as service:
        assert len(service.workers()) == 3


@pytest.mark.usefixtures("once_per_framework")
def test_connections_stay_within_their_limit(framework: str, postgres: Server, start: Start) -> None:
    """Those of all workers together, while more requests want one than there are. A probe may use one of its own."""
    name = f"sized_{framework}"
    url = with_password(postgres.create(name))
    with start(DATABASE_URL=url, WEB_CONCURRENCY=str(WORKERS), DATABASE_POOL_SIZE=str(POOL)) as service:
        count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
        most = 0
        with ThreadPoolExecutor(2) as threads:
            answers = threads.submit(service.ask_at_once, *["/api/probe/query?seconds=0.4"] * 16)
            ready = threads.submit(lambda: [service.ask("/health/ready").status for _ in range(3)])
            while not answers.done():
                most = max(most, int(postgres.query(count)))
        assert [answer.status if isinstance(answer, Answer) else answer for answer in answers.result()] == [200] * 16
        assert set(ready.result()) == {200}, "busy is not unready"
        assert 1 < most <= WORKERS * (POOL + 1)
        # A worker without any request so far may not count.
        scraped_once(service, lambda metrics: metrics.sum("db_client_connection_max") in {POOL, WORKERS * POOL})
