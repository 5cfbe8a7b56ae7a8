"""The connection of a page: https://channels.readthedocs.io/en/stable/topics/consumers.html."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import Any

import structlog
from channels.auth import get_user
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from . import metrics

# Close codes: https://www.iana.org/assignments/websocket/websocket.xhtml
REFUSED = 1008  # the page does not reconnect
COME_BACK = 1013  # the page reconnects, and reloads

CHECK = 30  # seconds between two checks that the user is still logged in
PATIENCE = 10  # seconds that a page may take to read a message

log = structlog.get_logger(__name__)
_open: set["LiveConsumer"] = set()  # connections that are accepted


class LiveConsumer(AsyncWebsocketConsumer):
    """Tell a page to reload a part whenever a change is announced to the `group`.

    Messages contain no data: the page requests it, and gets what its user may see.
    """

    group: str
    login_required = True
    _check: asyncio.Task[None] | None = None
    _reason = ""  # why the service ends the connection

    def __init__(self) -> None:
        super().__init__()
        self.groups = [self.group]

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve the connection until it ends."""
        start = monotonic()
        try:
            await super().__call__(scope, receive, send)
        except RedisError as error:
            if not self._reason:
                log.warning("live updates are interrupted", error=type(error).__name__)
            # Every connection may have missed messages: the pages reconnect, and reload.
            await asyncio.gather(*(each.end(COME_BACK, "interrupted") for each in {self, *_open}))
        except OSError as error:  # the page has left, or does not read
            if isinstance(error, TimeoutError):
                await self.end(COME_BACK, "too slow")
            with suppress(RedisError):
                await self.channel_layer.group_discard(self.group, self.channel_name)
        finally:
            if self._check:
                self._check.cancel()
            _count(_open.discard, self)
            reason = self._reason or "left"
            metrics.CLOSED.labels(reason).inc()
            log.info("live connection closed", reason=reason, seconds=round(monotonic() - start))

    async def connect(self) -> None:
        """Accept the connection, then end it if refused: otherwise, browsers hide the reason."""
        await self.accept()
        user: Any = self.scope["user"]
        of_user = sum(each.scope["user"] == user for each in _open)
        if self.login_required and not user.is_authenticated:
            await self.end(REFUSED, "login required")
        elif len(_open) >= settings.LIVE_CONNECTIONS:
            await self.end(COME_BACK, "full")
        elif user.is_authenticated and of_user >= settings.LIVE_CONNECTIONS_PER_USER:
            await self.end(COME_BACK, "too many")
        else:
            _count(_open.add, self)
            self._check = asyncio.create_task(self._keep())
            await self.changed({})  # the page's content may be older than the connection

    async def changed(self, event: dict[str, Any]) -> None:
        """Tell the page."""
        await self._tell("changed")

    async def _tell(self, word: str) -> None:
        """Raises TimeoutError if the page does not read."""
        if not self._reason:
            async with asyncio.timeout(PATIENCE):
                await self.send(text_data=word)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Refuse messages from pages."""
        await self.end(REFUSED, "unexpected message")

    async def end(self, code: int, reason: str) -> None:
        """Close the connection, unless the service has already done so."""
        if not self._reason:
            self._reason = reason
            with suppress(OSError):  # includes TimeoutError
                async with asyncio.timeout(1):
                    await self.close(code, reason)

    async def _keep(self) -> None:
        """Renew the group membership, which expires. End when the user's session does.

        A page that gets no message for too long reconnects.
        """
        while not self._reason:
            await asyncio.sleep(CHECK * random.uniform(0.9, 1.1))  # noqa: S311
            try:
                if self.login_required and not await self._is_logged_in():
                    await self.end(REFUSED, "logged out")
                else:
                    await self.channel_layer.group_add(self.group, self.channel_name)
                    await self._tell("alive")
            except (RedisError, DatabaseError):
                await self.end(COME_BACK, "interrupted")
            except TimeoutError:
                await self.end(COME_BACK, "too slow")
            except OSError:  # the page has left
                return

    async def _is_logged_in(self) -> bool:
        engine = import_module(settings.SESSION_ENGINE)
        scope: Any = {"session": engine.SessionStore(self.scope["session"].session_key)}
        return (await get_user(scope)) == self.scope["user"]


def _count(change: Callable[[LiveConsumer], None], consumer: LiveConsumer) -> None:
    change(consumer)
    metrics.CONNECTIONS.set(len(_open))
    metrics.MAX_CONNECTIONS.set(settings.LIVE_CONNECTIONS)
