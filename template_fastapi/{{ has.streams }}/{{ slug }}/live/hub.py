"""Each process has one hub, which passes messages on to the process's connections."""

import asyncio
import contextlib
import json
import random
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from types import FrameType
from typing import Any

import structlog
from redis.exceptions import RedisError

from ..core.problems import ServiceError
from . import metrics
from .brokers import Broker, MemoryBroker, Message, Presence, RedisBroker

WAITING = 100  # events that may wait for a connection; with more, it is too slow
INTERVAL = 3  # seconds between checks of who is present
ALIVE = 15  # seconds without an event, after which a connection gets a sign of life
LATEST = 50  # messages that `latest` returns by default

logger = structlog.get_logger(__name__)


class Reason(Enum):
    """Why the service ends a connection. The values are close codes of WebSockets, and texts.

    https://www.iana.org/assignments/websocket/websocket.xhtml
    """

    REFUSED = 1008, "not valid"
    EXPIRED = 1008, "the token has ended"
    FULL = 1013, "too many connections"
    SLOW = 1013, "too slow"
    INTERRUPTED = 1013, "interrupted"
    RESTART = 1012, "restart"

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


class EndedError(Exception):
    """The service ends the connection."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class LiveUnavailableError(ServiceError):
    """Redis does not respond."""

    status = 503


@dataclass(frozen=True, slots=True)
class Event:
    """An event for a connection: `message`, `presence`, or `missed` (the client must reload)."""

    kind: str
    data: str  # JSON
    id: str | None = None  # of messages: a client can resume after it


class Subscription:
    """The events that wait for one connection."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.events = deque[Event]()
        self.limit = WAITING
        self.reason: Reason | None = None
        self.changed = asyncio.Event()
        self.presence = _present((0, []))

    def put(self, event: Event) -> None:
        if len(self.events) >= self.limit:
            self.end(Reason.SLOW)
        elif not self.reason:
            self.events.append(event)
            self.changed.set()
            if event.kind == "presence":
                self.presence = event

    def end(self, reason: Reason) -> None:
        """End the connection. The client gets the waiting events when it resumes."""
        self.reason = self.reason or reason
        self.events.clear()
        self.changed.set()

    async def next(self) -> Event:
        """Wait for the next event. Raises EndedError at the end."""
        while not self.events and not self.reason:
            self.changed.clear()
            await self.changed.wait()
        if self.reason:
            raise EndedError(self.reason)
        return self.events.popleft()

    async def next_within(self, seconds: float) -> Event:
        """Wait for the next event. If there is none for so long, say again who is present.

        This is a sign of life, without which a client takes its connection for dead.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self.next()
        except TimeoutError:
            return self.presence


class Topic:
    """The subscriptions to a topic in this process, and the last message that they received."""

    def __init__(self) -> None:
        self.subscriptions = set[Subscription]()
        self.users = 0  # including those that are about to subscribe
        self.last = ""
        self.presence: Presence = (0, [])
        self.lock = asyncio.Lock()


class Hub:
    """Passes messages on. Each process reads Redis once, not once for each connection."""

    def __init__(self, broker: Broker, max_connections: int) -> None:
        self.broker, self.max_connections = broker, max_connections
        self.topics: dict[str, Topic] = {}
        self.connections = 0
        self.is_ending = False
        self.tasks: list[asyncio.Task[None]] = []
        self.handlers: dict[int, Any] = {}
        metrics.MAX_CONNECTIONS.set(max_connections)

    def start(self) -> None:
        """Begin to pass on messages."""
        self.tasks = [asyncio.create_task(each) for each in (self._listen(), self._look_around())]
        if threading.current_thread() is threading.main_thread():
            self._end_on(signal.SIGTERM)
            self._end_on(signal.SIGINT)

    def _end_on(self, number: int) -> None:
        """End all connections, for which the server would wait, before it handles the signal."""
        handler, loop = signal.getsignal(number), asyncio.get_running_loop()
        if not callable(handler):
            return  # no server handles it

        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.end)
            handler(number, frame)

        self.handlers[number] = handler
        signal.signal(number, handle)

    def end(self) -> None:
        """End all connections: the process stops."""
        self.is_ending = True
        for followed in self.topics.values():
            for subscription in followed.subscriptions:
                subscription.end(Reason.RESTART)

    async def stop(self) -> None:
        """Stop after the last connection."""
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.broker.close()

    async def publish(self, topic: str, message: object) -> str:
        """Send a message to all connections, as JSON. Returns its id."""
        try:
            data = json.dumps(message, ensure_ascii=False, allow_nan=False)
            return await self.broker.add(topic, data)
        except (RedisError, OSError) as error:
            raise LiveUnavailableError(headers={"Retry-After": "10"}) from error

    async def latest(self, topic: str, number: int = LATEST) -> list[Message]:
        """Return the latest messages: ids and JSON, the newest one last."""
        try:
            return await self.broker.latest(topic, number)
        except (RedisError, OSError) as error:
            raise LiveUnavailableError(headers={"Retry-After": "10"}) from error

    @contextlib.contextmanager
    def connection(self) -> Iterator[None]:
        """Count a connection. Raises EndedError if there are too many."""
        reason, start = "left", monotonic()
        self._count(1)
        try:
            if self.connections > self.max_connections:
                raise EndedError(Reason.FULL)
            if self.is_ending:
                raise EndedError(Reason.RESTART)
            yield
        except EndedError as error:
            reason = error.reason.text
            raise
        finally:
            self._count(-1)
            metrics.CLOSED.labels(reason).inc()
            seconds = round(monotonic() - start)
            logger.info("live connection closed", reason=reason, seconds=seconds)

    def _count(self, change: int) -> None:
        self.connections += change
        metrics.CONNECTIONS.set(self.connections)

    @contextlib.asynccontextmanager
    async def subscribe(
        self, topic: str, after: str | None = None, name: str | None = None
    ) -> AsyncIterator[Subscription]:
        """Receive a topic's events after a message. A subscriber with a name is present."""
        subscription, followed = Subscription(name), self.topics.setdefault(topic, Topic())
        followed.users += 1
        try:
            try:
                await self._join(topic, followed, subscription, after)
            except (RedisError, OSError):
                raise EndedError(Reason.INTERRUPTED) from None
            yield subscription
        finally:
            followed.users -= 1
            followed.subscriptions.discard(subscription)
            if not followed.users:
                self.topics.pop(topic, None)

    async def _join(
        self, topic: str, followed: Topic, subscription: Subscription, after: str | None
    ) -> None:
        async with followed.lock:  # so that no message is passed on meanwhile
            if not followed.subscriptions:
                latest = await self.broker.latest(topic, 1)
                followed.last = latest[-1][0] if latest else "0-0"
            if after and after != followed.last:
                subscription.events.extend(await self._missed(topic, after, followed.last))
            names = [subscription.name] if subscription.name else []
            presence = await self.broker.present(topic, names)
            subscription.presence = _present(presence)
            subscription.events.append(subscription.presence)
            subscription.limit += len(subscription.events)
            followed.subscriptions.add(subscription)
        if self.is_ending:
            subscription.end(Reason.RESTART)

    async def _missed(self, topic: str, after: str, last: str) -> list[Event]:
        """Return the events after a message. If it is no longer kept, others may be gone too."""
        if not await self.broker.has(topic, after):
            return [Event("missed", "{}")]
        return [_message(each) for each in await self.broker.between(topic, after, last)]

    async def _listen(self) -> None:
        """Pass on new messages. After an interruption, catch up."""
        while True:
            try:
                async for changed in self.broker.changes():
                    for topic in [*self.topics] if changed is None else [changed]:
                        await self._pass_on(topic)
            except (RedisError, OSError) as error:
                logger.warning("live updates are interrupted", error=type(error).__name__)
            except Exception:  # nobody would notice the end of this task
                logger.exception("live updates are interrupted")
            await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311

    async def _pass_on(self, topic: str) -> None:
        if not (followed := self.topics.get(topic)):
            return
        async with followed.lock:
            if not followed.subscriptions:
                return
            events = [_message(e) for e in await self.broker.between(topic, followed.last, "+")]
            latest = [] if events else await self.broker.latest(topic, 1)
            if latest and _position(latest[0][0]) < _position(followed.last):
                # Redis has lost its data, and its clock went back.
                followed.last, events = latest[0][0], [Event("missed", "{}")]
            for event in events:
                followed.last = event.id or followed.last
                for subscription in followed.subscriptions:
                    subscription.put(event)

    async def _look_around(self) -> None:
        """Announce changes of presence."""
        while True:
            await asyncio.sleep(INTERVAL)
            with contextlib.suppress(RedisError, OSError):  # _listen says so
                for topic, followed in list(self.topics.items()):
                    names = {each.name for each in followed.subscriptions if each.name}
                    presence = await self.broker.present(topic, names)
                    if presence != followed.presence:
                        followed.presence = presence
                        for subscription in followed.subscriptions:
                            subscription.put(_present(presence))


def create_hub(redis_url: str, max_connections: int) -> Hub:
    """Create the hub of this process."""
    prefix = f"{__name__.partition('.')[0]}:live"
    broker = RedisBroker(redis_url, prefix) if redis_url else MemoryBroker()
    return Hub(broker, max_connections)


def _position(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split("-")))


def _message(message: Message) -> Event:
    return Event("message", message[1], message[0])


def _present(presence: Presence) -> Event:
    number, names = presence
    return Event("presence", json.dumps({"number": number, "names": names}, ensure_ascii=False))
