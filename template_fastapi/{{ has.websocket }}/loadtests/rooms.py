"""Members of rooms, who keep a WebSocket open. Measured is the time until a member sees its own post."""

import json
from itertools import count
from uuid import uuid4

from locust import task
from websocket import WebSocket

from loadtests._service import ServiceUser

MEMBERS = 5  # of a room
numbers = count()


class RoomUser(ServiceUser):
    weight = 5

    def on_start(self) -> None:
        self.room = f"load-{next(numbers) // MEMBERS}"
        self.socket = WebSocket()

    def on_stop(self) -> None:
        self.socket.close()

    @task
    def post(self) -> None:
        if not self.socket.connected:
            self.connect()
        text = f"Hello {uuid4()}"
        with self.environment.events.request.measure("WS", "post"):
            self.socket.send(json.dumps({"text": text}))
            while text not in str(self.socket.recv()):
                pass

    def connect(self) -> None:
        token = self.environment.parsed_options.token
        with self.environment.events.request.measure("WS", "connect"):
            address = f"ws{self.url.removeprefix('http')}/live/rooms/{self.room}"
            self.socket.connect(address, timeout=10)
            self.socket.send(json.dumps({"token": token} if token else {"name": "load"}))
