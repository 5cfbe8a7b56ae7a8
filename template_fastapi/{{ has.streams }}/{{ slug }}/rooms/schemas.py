"""Rooms and their messages."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, StringConstraints

RoomName = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]
MessageId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$")]
After = Annotated[MessageId | None, Query(description="The last message that the client received.")]


class PostCreate(BaseModel):
    """A new post."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class Post(BaseModel):
    """A post as it is kept."""

    author: str
    text: str
    at: datetime


class PostRead(Post):
    """A post with its id, after which a stream can start."""

    id: str


class RoomRead(BaseModel):
    """The latest messages of a room, the newest one last."""

    posts: list[PostRead]
