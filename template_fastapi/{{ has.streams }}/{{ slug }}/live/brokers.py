"""Storage for the latest messages of each topic: Redis, or memory for a single process."""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection, Iterable
from itertools import count
from time import time
from typing import Any, Protocol

from redis import DriverInfo
from redis.asyncio import BlockingConnectionPool, Redis

HISTORY = 1000  # messages of each topic that a client can resume from
LIFETIME = 3600  # seconds for which messages are kept after the last one
PRESENCE = 15  # seconds without a sign of a member, who then counts as gone
SHOWN = 20  # names that are listed; the number counts all members
TIMEOUT = 2  # seconds that Redis may take
QUIET = 10  # seconds without a message, after which the connection is checked
DRIVER = DriverInfo()  # once: otherwise each connection reads the package's version from a file

type Message = tuple[str, str]  # id, and JSON
type Presence = tuple[int, list[str]]  # the number of members, and some of their names


class Broker(Protocol):
    """Keeps messages, and says which topics have new ones."""

    async def add(self, topic: str, data: str) -> str:
        """Keep a message, tell every process, and return its id."""

    async def has(self, topic: str, name: str) -> bool:
        """Return whether a message is still kept."""

    async def between(self, topic: str, after: str, last: str) -> list[Message]:
        """Return the messages after one, up to another, or `+`."""

    async def latest(self, topic: str, number: int) -> list[Message]:
        """Return the latest messages, the newest one last."""

    async def present(self, topic: str, names: Collection[str]) -> Presence:
        """Record who is connected to this process, and return who is present."""

    def changes(self) -> AsyncIterator[str | None]:
        """Yield the topics that have new messages; None if some may have been missed."""

    async def close(self) -> None: ...


class RedisBroker:
    """A stream for each topic, and one channel that names the topics with new messages."""

    def __init__(self, url: str, prefix: str) -> None:
        pool: Any = BlockingConnectionPool.from_url(
            url,
            driver_info=DRIVER,
            decode_responses=True,
            max_connections=20,
            timeout=TIMEOUT,  # for a connection of the pool
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            health_check_interval=30,  # pings a connection that was idle for longer
        )
        self.redis: Any = Redis.from_pool(pool)
        self.prefix = prefix

    async def add(self, topic: str, data: str) -> str:
        key = f"{self.prefix}:messages:{topic}"
        async with self.redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(key, {"data": data}, maxlen=HISTORY)
            pipeline.expire(key, LIFETIME)
            pipeline.publish(self.prefix, topic)
            return str((await pipeline.execute())[0])

    async def has(self, topic: str, name: str) -> bool:
        return bool(await self.redis.xrange(f"{self.prefix}:messages:{topic}", name, name))

    async def between(self, topic: str, after: str, last: str) -> list[Message]:
        found = await self.redis.xrange(f"{self.prefix}:messages:{topic}", f"({after}", last)
        return _messages(found)

    async def latest(self, topic: str, number: int) -> list[Message]:
        key = f"{self.prefix}:messages:{topic}"
        found = await self.redis.xrevrange(key, count=number)
        return _messages(reversed(found))

    async def present(self, topic: str, names: Collection[str]) -> Presence:
        key, now = f"{self.prefix}:present:{topic}", time()
        async with self.redis.pipeline(transaction=False) as pipeline:
            if names:
                pipeline.zadd(key, dict.fromkeys(names, now))
            pipeline.zremrangebyscore(key, "-inf", now - PRESENCE)
            pipeline.expire(key, LIFETIME)
            pipeline.zcard(key)
            pipeline.zrange(key, 0, SHOWN - 1)
            *_, number, shown = await pipeline.execute()
        return number, sorted(shown)

    async def changes(self) -> AsyncIterator[str | None]:
        async with self.redis.pubsub() as channel:
            await channel.subscribe(self.prefix)
            while True:
                message = await channel.get_message(timeout=QUIET)
                if message is None:  # nothing is new, or a firewall has forgotten the connection
                    await channel.ping()
                    message = await channel.get_message(timeout=TIMEOUT)
                if message is None:
                    raise TimeoutError
                if message["type"] in ("message", "subscribe"):
                    yield message["data"] if message["type"] == "message" else None

    async def close(self) -> None:
        await self.redis.aclose()


class MemoryBroker:
    """The same in memory, without Redis: for development, with one process."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.messages = defaultdict[str, deque[Message]](lambda: deque(maxlen=HISTORY))
        self.signs = defaultdict[str, dict[str, float]](dict)
        self.changed = asyncio.Queue[str]()

    async def add(self, topic: str, data: str) -> str:
        name = f"{next(self.numbers)}-0"
        self.messages[topic].append((name, data))
        self.changed.put_nowait(topic)
        return name

    async def has(self, topic: str, name: str) -> bool:
        return any(each == name for each, _ in self.messages.get(topic, ()))

    async def between(self, topic: str, after: str, last: str) -> list[Message]:
        end = math.inf if last == "+" else _number(last)
        kept = self.messages.get(topic, ())
        return [each for each in kept if _number(after) < _number(each[0]) <= end]

    async def latest(self, topic: str, number: int) -> list[Message]:
        return list(self.messages.get(topic, ()))[-number:]

    async def present(self, topic: str, names: Collection[str]) -> Presence:
        now = time()
        signs = self.signs[topic] | dict.fromkeys(names, now)
        self.signs[topic] = {name: sign for name, sign in signs.items() if sign > now - PRESENCE}
        return len(self.signs[topic]), sorted(self.signs[topic])[:SHOWN]

    async def changes(self) -> AsyncIterator[str | None]:
        while True:
            yield await self.changed.get()

    async def close(self) -> None: ...


def _messages(found: Iterable[tuple[str, dict[str, str]]]) -> list[Message]:
    """Return the messages among the entries of a stream. Another program may have added others."""
    return [(name, fields["data"]) for name, fields in found if "data" in fields]


def _number(name: str) -> int:
    """Return the number in an id of the broker in memory."""
    return int(name.partition("-")[0])
