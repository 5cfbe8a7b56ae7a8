"""A client of WebSockets in the tests' event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Scope


class Client:
    """One end of a WebSocket."""

    def __init__(self) -> None:
        self.sent, self.received = asyncio.Queue[Message](), asyncio.Queue[Message]()
        self.sent.put_nowait({"type": "websocket.connect"})
        self.reads = asyncio.Event()  # clear it, and the service must wait
        self.reads.set()

    async def put(self, message: Message) -> None:
        """Receive what the service sends."""
        if message["type"] == "websocket.send":
            await self.reads.wait()
        self.received.put_nowait(message)

    def send(self, message: object) -> None:
        """Send a message as JSON."""
        self.sent.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self, kind: str = "message") -> dict[str, Any]:
        """Return the next event of a kind."""
        while True:
            message = await self.received.get()
            assert message["type"] == "websocket.send", message
            event: dict[str, Any] = json.loads(message["text"])
            if event["event"] == kind:
                return event

    async def closed(self) -> tuple[int, str]:
        """Wait until the service closes the connection. Return the code and the reason."""
        while (message := await self.received.get())["type"] == "websocket.send":
            pass
        return message["code"], message["reason"]


@asynccontextmanager
async def connected(
    app: ASGIApp,
    path: str,
    state: Mapping[str, object],
    *,
    query: str = "",
    origin: str | None = None,
    accepted: bool = True,
) -> AsyncIterator[Client]:
    """Open a WebSocket; at the end, close it."""
    client = Client()
    headers = [(b"host", b"localhost"), *([(b"origin", origin.encode())] if origin else [])]
    scope: Scope = {
        "type": "websocket",
        "path": path,
        "query_string": query.encode(),
        "scheme": "ws",
        "headers": headers,
        "server": ("localhost", 80),
        "state": dict(state),
    }

    async def serve() -> None:
        await app(scope, client.sent.get, client.put)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve())
        if accepted:
            assert (await client.received.get())["type"] == "websocket.accept"
        yield client
        client.sent.put_nowait({"type": "websocket.disconnect", "code": 1000})
