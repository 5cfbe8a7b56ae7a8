"""Business logic of rooms."""

import json
from datetime import UTC, datetime

from ..live.hub import Hub
from .schemas import Post, PostCreate, PostRead


def topic_of(room: str) -> str:
    return f"rooms/{room}"


async def post(hub: Hub, room: str, author: str, given: PostCreate) -> PostRead:
    """Post a message to a room."""
    said = Post(author=author, text=given.text, at=datetime.now(UTC))
    name = await hub.publish(topic_of(room), said.model_dump(mode="json"))
    return PostRead(id=name, **said.model_dump())


async def latest(hub: Hub, room: str) -> list[PostRead]:
    """Return the latest posts of a room."""
    found = await hub.latest(topic_of(room))
    return [PostRead(id=name, **json.loads(data)) for name, data in found]
