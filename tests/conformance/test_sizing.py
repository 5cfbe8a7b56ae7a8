"""As many workers and connections as it was told, also under load."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.conftest import Start
from tests.conformance.scrape import scraped_once
from tests.conformance.subject import with_password
from tests.postgres import Server
from tests.projects import Answer


@pytest.mark.parametrize("number", [1, 3])
def test_there_are_as_many_workers_as_web_concurrency_says(start: Start, number: int) -> None:
    with start(WEB_CONCURRENCY=str(number)) as service:
        assert len(service.workers()) == number
        scraped_once(service, lambda metrics: metrics.sum("http_server_workers") == number)


def test_connections_stay_within_their_limit(framework: str, postgres: Server, start: Start) -> None:
    """Of all workers together, health checks included, while more requests want one than there are."""
    name = f"sized_{framework}"
    with start(DATABASE_URL=with_password(postgres.create(name)), DATABASE_CONNECTIONS="10") as service:
        most = 0
        with ThreadPoolExecutor(1) as threads:
            answers = threads.submit(service.ask_at_once, *["/api/probe/query?seconds=0.5"] * 40)
            deadline = time.monotonic() + 30
            while not answers.done() and time.monotonic() < deadline:
                open_now = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
                most = max(most, int(postgres.query(open_now)))
                assert service.ask("/health/ready").status == 200, "busy is not unready"
        assert [answer.status if isinstance(answer, Answer) else answer for answer in answers.result()] == [200] * 40
        assert 1 < most <= 10
        scraped_once(service, lambda metrics: 5 < metrics.sum("db_client_connection_max") <= 10)
