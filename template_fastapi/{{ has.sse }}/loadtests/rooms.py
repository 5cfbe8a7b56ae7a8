"""Members of rooms, who keep a stream open. Measured is the time until a member sees its own post."""

from collections.abc import Iterator
from itertools import count
from uuid import uuid4

import requests
from locust import task

from loadtests._service import ServiceUser

MEMBERS = 5  # of a room
POSTS = "/api/v1/rooms/{room}/posts"  # counts all as one
numbers = count()


class RoomUser(ServiceUser):
    weight = 5
    lines: Iterator[bytes] | None = None

    def on_start(self) -> None:
        self.room = f"load-{next(numbers) // MEMBERS}"
        self.session = requests.Session()

    def on_stop(self) -> None:
        self.session.close()

    @task
    def post(self) -> None:
        lines = self.lines or self.connect()
        self.lines = None  # connect again if this fails
        text = f"Hello {uuid4()}"
        address = f"/api/v1/rooms/{self.room}/posts?name=load"
        with self.environment.events.request.measure("SSE", "post"):
            self.client.post(address, json={"text": text}, headers=self.authorization, name=POSTS)
            while text.encode() not in next(lines):
                pass
            self.lines = lines

    def connect(self) -> Iterator[bytes]:
        lines: Iterator[bytes] = iter(())  # if it fails
        with self.environment.events.request.measure("SSE", "connect"):
            stream = self.session.get(
                f"{self.url}/live/rooms/{self.room}?name=load",
                headers={"Accept": "text/event-stream", **self.authorization},
                stream=True,
                timeout=30,
            )
            stream.raise_for_status()
            lines = stream.iter_lines()
        return lines  # noqa: RET504 - `measure` keeps exceptions to itself
