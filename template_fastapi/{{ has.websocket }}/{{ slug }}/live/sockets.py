"""WebSockets that follow a topic: https://fastapi.tiangolo.com/advanced/websockets/."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from ..environment import environment
from .callers import Caller, Introduction, check, identify
from .hub import ALIVE, EndedError, Hub, LiveUnavailableError, Reason, Subscription

PATIENCE = 10  # seconds that the first message, or reading a message, may take

type Receive = Callable[[Caller, str], Awaitable[object]]


async def follow(socket: WebSocket, topic: str, after: str | None, receive: Receive) -> None:
    """Send a topic's events as JSON, until either side ends the connection.

    The first message introduces the caller; later ones may do so again, with a new token. All others
    are for `receive`, which refuses one with ValidationError.
    """
    if not is_own_page(socket):
        return await socket.close()  # becomes a 403
    await socket.accept()
    hub: Hub = socket.state.hub
    try:
        with hub.connection():
            caller = await _introduced(socket)
            async with hub.subscribe(topic, after, caller.name) as subscription:
                await _both_ways(socket, subscription, caller, receive)
    except EndedError as error:
        with suppress(WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1):
                await socket.close(error.reason.code, error.reason.text)
    except WebSocketDisconnect:
        pass
    return None


def is_own_page(socket: WebSocket) -> bool:
    """Return whether this service's page, one of CORS_ORIGINS, or no page at all connects.

    Browsers let any page connect, and say in `Origin` which one it is.
    """
    origin = socket.headers.get("origin")
    scheme = {"ws": "http", "wss": "https"}[socket.url.scheme]
    own = f"{scheme}://{socket.headers.get('host', '')}"
    return origin is None or origin in (own, *environment.cors_origins)


async def _introduced(socket: WebSocket) -> Caller:
    try:
        async with asyncio.timeout(PATIENCE):
            introduction = Introduction.model_validate_json(await _text(socket))
    except (TimeoutError, ValidationError):
        raise EndedError(Reason.REFUSED) from None
    return await identify(socket, introduction)


async def _text(socket: WebSocket) -> str:
    """Return the next message. Binary ones are refused."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    if message.get("text") is None:
        raise EndedError(Reason.REFUSED)
    return str(message["text"])


async def _both_ways(
    socket: WebSocket, subscription: Subscription, caller: Caller, receive: Receive
) -> None:
    """Send and receive until one of both ends."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send(socket, subscription))
            await _receive(socket, caller, receive)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _send(socket: WebSocket, subscription: Subscription) -> None:
    while True:
        event = await subscription.next_within(ALIVE)
        text = f'{{"event": {json.dumps(event.kind)}, "id": {json.dumps(event.id)}, "data": {event.data}}}'
        try:
            async with asyncio.timeout(PATIENCE):
                await socket.send_text(text)
        except TimeoutError:
            raise EndedError(Reason.SLOW) from None


async def _receive(socket: WebSocket, caller: Caller, receive: Receive) -> None:
    """Receive messages, and check in between that the token is valid."""
    due = monotonic() + caller.next_check
    while True:
        if monotonic() >= due:  # the timeout alone would never end a client whose messages wait
            await check(socket, caller)
            due = monotonic() + caller.next_check
        try:
            async with asyncio.timeout(due - monotonic()):
                text = await _text(socket)
        except TimeoutError:
            continue
        try:
            introduction = Introduction.model_validate_json(text)
        except ValidationError:
            await _pass_on(caller, text, receive)
            continue
        renewed = await identify(socket, introduction)
        if renewed.name != caller.name:
            raise EndedError(Reason.REFUSED)
        caller, due = renewed, monotonic() + renewed.next_check


async def _pass_on(caller: Caller, text: str, receive: Receive) -> None:
    try:
        await receive(caller, text)
    except ValidationError:
        raise EndedError(Reason.REFUSED) from None
    except LiveUnavailableError:
        raise EndedError(Reason.INTERRUPTED) from None
