"""Tell pages about changes."""

import asyncio
from functools import partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from . import metrics

TIMEOUT = 2  # seconds that a request waits for Redis
log = structlog.get_logger(__name__)


def announce(group: str) -> None:
    """Tell all pages of a group to reload, once the current transaction is committed.

    The change is saved even if Redis does not respond.
    """
    transaction.on_commit(partial(async_to_sync(_send), group))


async def _send(group: str) -> None:
    layer: Any = get_channel_layer()
    try:
        async with asyncio.timeout(TIMEOUT):
            await layer.group_send(group, {"type": "changed"})
    except (RedisError, OSError) as error:  # including a timeout
        metrics.LOST.inc()
        log.warning("live update lost", group=group, error=type(error).__name__)
