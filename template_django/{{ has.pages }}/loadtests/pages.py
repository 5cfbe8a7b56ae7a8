"""Pages, as visitors without an account see them."""

from locust import task

from loadtests._service import ServiceUser


class PageUser(ServiceUser):
    weight = 10

    @task
    def read_the_home_page(self) -> None:
        self.client.get("/")

    @task
    def read_the_items(self) -> None:
        self.client.get("/items/")
