"""Quotes. Choose thresholds above QUOTE_TIMEOUT, or suppliers on this machine that are fast."""

from locust import task

from loadtests._service import ServiceUser


class QuoteUser(ServiceUser):
    weight = 5

    @task
    def ask_for_quotes(self) -> None:
        self.client.get("/api/v1/quotes?product=lamp", headers=self.authorization)
