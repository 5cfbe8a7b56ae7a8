"""Quotes. Choose thresholds above QUOTE_TIMEOUT, or suppliers on this machine that are fast.

Without suppliers the requests fail: to answer without asking would be fast, and say nothing.
"""

from locust import task

from loadtests._service import ServiceUser


class QuoteUser(ServiceUser):
    weight = 5

    @task
    def ask_for_quotes(self) -> None:
        address = "/api/v1/quotes?product=lamp"
        with self.client.get(address, headers=self.authorization, catch_response=True) as response:
            if response.status_code == 200 and not response.json()["quotes"]:
                response.failure("there are no suppliers: set QUOTE_SUPPLIERS")
