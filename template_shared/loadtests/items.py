"""Items: lists, and some that are created, read and deleted."""

from uuid import uuid4

from locust import task

from loadtests._service import ServiceUser

ITEMS = "/api/v1/items"
ITEM = ITEMS + "/{id}"  # counts all as one


class ItemUser(ServiceUser):
    weight = 10

    @task(10)
    def list_items(self) -> None:
        self.client.get(ITEMS, headers=self.authorization)

    @task
    def create_read_and_delete_an_item(self) -> None:
        headers = self.authorization
        body = {"name": f"Load test {uuid4()}", "quantity": 1}
        created = self.client.post(ITEMS, json=body, headers=headers)
        if created.status_code == 201:
            address = f"{ITEMS}/{created.json()['id']}"
            for _ in range(10):
                self.client.get(address, headers=headers, name=ITEM)
            self.client.delete(address, headers=headers, name=ITEM)
