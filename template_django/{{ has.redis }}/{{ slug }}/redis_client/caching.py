"""Django's cache in Redis. While Redis is down, every lookup is a miss: docs/cache.md."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

PAUSE = 2  # seconds between attempts, so that not every request waits for Redis
MAX_AGE = 24 * 60 * 60  # seconds; Redis evicts only entries that expire
log = structlog.get_logger(__name__)


class Cache(RedisCache):
    """Django's cache in Redis, without exceptions while Redis is down.

    An entry that is deleted during an outage, such as an ended session, stays in Redis. So the
    cache is cleared when Redis is back.
    """

    resumes_at = 0.0  # all threads share this and the next
    has_missed = False

    def _ask(self, missing: Any, method: Callable[..., Any], *arguments: Any) -> Any:
        if time.monotonic() < Cache.resumes_at:
            Cache.has_missed = True
            return missing
        try:
            if Cache.has_missed:
                Cache.has_missed = False
                super().clear()
            return method(*arguments)
        except RedisError as error:
            Cache.has_missed = True
            Cache.resumes_at = time.monotonic() + PAUSE
            log.warning("cache is not available", exc_info=error)
            return missing

    def get_backend_timeout(self, timeout: float | None = DEFAULT_TIMEOUT) -> int:
        seconds = super().get_backend_timeout(timeout)
        return MAX_AGE if seconds is None else int(min(seconds, MAX_AGE))

    def add(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        return bool(self._ask(False, super().add, key, value, timeout, version))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._ask(default, super().get, key, default, version)

    def set(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        self._ask(None, super().set, key, value, timeout, version)

    def touch(
        self, key: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return bool(self._ask(False, super().touch, key, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._ask(False, super().delete, key, version))

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        return dict(self._ask({}, super().get_many, keys, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return bool(self._ask(False, super().has_key, key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return int(self._ask(delta, super().incr, key, delta, version))

    def set_many(
        self,
        data: Mapping[Any, Any],
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[Any]:
        return list(self._ask(list(data), super().set_many, data, timeout, version))

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        self._ask(None, super().delete_many, keys, version)

    def clear(self) -> None:
        self._ask(None, super().clear)
