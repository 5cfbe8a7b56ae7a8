"""The clients of connections.py, in a process of their own and in the project's environment.

Reads commands, and prints replies: JSON, one a line.
"""

import asyncio
import contextlib
import importlib
import json
import random
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

ROOM = 100  # clients in each
AT_ONCE = 200  # connections that are being opened
EVERY = 0.05  # seconds between two messages
BACK_WITHIN = 10  # seconds, at random, after which a client resumes
WAIT = 60  # seconds until everybody must have what was posted
# This package is only in the project's environment.
load: Any = importlib.import_module


@dataclass
class Client:
    """One that follows a room, and resumes."""

    number: int
    last: str | None = None  # the message that it has got last
    received: list[str] = field(default_factory=list)  # texts
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    interrupted: float | None = None  # when

    @property
    def room(self) -> str:
        return f"room-{self.number // ROOM}"


class Clients:
    """All of them."""

    def __init__(self, kind: str) -> None:
        self.events = sockets if kind == "websocket" else streams
        self.all: list[Client] = []
        self.urls: list[str] = []
        self.opening = asyncio.Semaphore(AT_ONCE)
        self.tasks: list[asyncio.Task[None]] = []
        self.posts: dict[str, list[str]] = {}  # by room
        self.post_to = ""
        self.posting: asyncio.Task[None] | None = None
        self.resumed, self.longest = 0, 0.0

    async def open(self, urls: list[str], number: int) -> dict[str, Any]:
        """Open the connections."""
        self.urls, start = urls, time.perf_counter()
        self.all = [Client(each) for each in range(number)]
        self.tasks = [asyncio.create_task(self.follow(each)) for each in self.all]
        await asyncio.gather(*(each.is_open.wait() for each in self.all))
        return {"seconds": time.perf_counter() - start}

    async def follow(self, client: Client) -> None:
        """Follow a client's room, and resume after an interruption."""
        while True:
            with contextlib.suppress(OSError, EOFError):
                await self.opening.acquire()
                waits = True
                try:
                    async for event in self.events(random.choice(self.urls), client):  # noqa: S311
                        if waits:
                            self.opening.release()
                            waits = False
                            self.is_back(client)
                        if event["event"] == "message":
                            client.last = event["id"]
                            client.received.append(event["data"]["text"])
                finally:
                    if waits:
                        self.opening.release()
            client.interrupted = client.interrupted or time.perf_counter()
            await asyncio.sleep(random.uniform(0, BACK_WITHIN))  # noqa: S311

    def is_back(self, client: Client) -> None:
        """Count an interruption that has ended."""
        client.is_open.set()
        if client.interrupted:
            self.resumed += 1
            self.longest = max(self.longest, time.perf_counter() - client.interrupted)
            client.interrupted = None

    async def reach(self, url: str) -> dict[str, Any]:
        """Post a message in each room, and wait until everybody has it."""
        start = time.perf_counter()
        for room in {each.room: None for each in self.all}:
            await asyncio.to_thread(post, url, room, "reach")
        async with asyncio.timeout(WAIT):
            while not all(each.received for each in self.all):
                await asyncio.sleep(0.01)
        return {"delivered": len(self.all), "seconds": time.perf_counter() - start}

    async def move(self, urls: list[str]) -> dict[str, Any]:
        """Connect to these from now on."""
        self.urls = urls
        return {}

    async def post(self, url: str) -> dict[str, Any]:
        """Post messages in all rooms in turn, through this server from now on."""
        self.post_to = url
        self.posting = self.posting or asyncio.create_task(self.keep_posting())
        return {}

    async def keep_posting(self) -> None:
        rooms, number = [*{each.room: None for each in self.all}], 0
        while self.post_to:
            room, text = rooms[number % len(rooms)], str(number)
            await asyncio.to_thread(post, self.post_to, room, text)
            self.posts.setdefault(room, []).append(text)
            number += 1
            await asyncio.sleep(EVERY)

    async def count(self) -> dict[str, Any]:
        """Stop posting, wait until everybody has all messages, and count."""
        self.post_to = ""
        if self.posting:
            await self.posting
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT):
                while any(set(self.posts[each.room]) - set(each.received) for each in self.all):
                    await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # what comes twice comes
        return {
            "posted": sum(map(len, self.posts.values())),
            "received": sum(len(each.received) for each in self.all),
            "missed": sum(len(set(self.posts[each.room]) - set(each.received)) for each in self.all),
            "twice": sum(len(each.received) - len(set(each.received)) for each in self.all),
            "resumed": self.resumed,
            "longest_s": self.longest,
        }


async def sockets(url: str, client: Client) -> AsyncIterator[dict[str, Any]]:
    """The events of a WebSocket. Raises EOFError at its end."""
    after = f"?after={client.last}" if client.last else ""
    address = f"{url.replace('http', 'ws')}/live/rooms/{client.room}{after}"
    websockets = load("websockets")
    try:
        async with websockets.connect(address, open_timeout=60, ping_interval=None) as socket:
            await socket.send(json.dumps({"name": f"client-{client.number}"}))
            async for text in socket:
                yield json.loads(text)
    except websockets.WebSocketException as error:
        raise EOFError from error


async def streams(url: str, client: Client) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream, until it ends. HTTP/1.0 sends it without chunks."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
    resumed = f"Last-Event-ID: {client.last}\r\n" if client.last else ""
    path = f"/live/rooms/{client.room}?name=client-{client.number}"
    writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n{resumed}\r\n".encode())
    try:
        if b" 200 " not in await reader.readline():
            return
        while (await reader.readline()).strip():  # the headers
            pass
        fields: dict[str, str] = {}
        while line := (await reader.readline()).decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields and fields["event"] != "end":
                yield {"event": fields["event"], "id": fields.get("id"), "data": json.loads(fields["data"])}
                fields = {}
            else:
                fields = {}
    finally:
        writer.close()


def post(url: str, room: str, text: str) -> None:
    """Say something in a room."""
    body, query = json.dumps({"text": text}).encode(), urllib.parse.urlencode({"name": "post"})
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v1/rooms/{room}/posts?{query}", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        response.read()


async def main(kind: str) -> None:
    """Carry out commands until there are none."""
    clients = Clients(kind)
    commands: dict[str, Any] = {name: getattr(clients, name) for name in ("open", "reach", "move", "post", "count")}
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        print(json.dumps(await commands[command.pop("do")](**command)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
