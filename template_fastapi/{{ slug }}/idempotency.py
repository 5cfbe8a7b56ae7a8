"""Creates that a client may repeat, if it does not know whether the first attempt arrived.

It sends the same Idempotency-Key: draft-ietf-httpapi-idempotency-key-header.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from sqlalchemy import JSON, String, Text, delete, exc, select
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .core.database import Session
from .core.problems import ConflictError

LIFETIME = timedelta(days=1)
Key = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A new random text, such as a UUID. A repetition with the same key and content, "
        "within a day, receives the first response and changes nothing.",
    ),
]


class StoredResponse(Base):
    """The response to a key of a caller."""

    __tablename__ = "stored_responses"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # a digest of caller and key
    request: Mapped[str] = mapped_column(String(64))  # a digest of its content
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Idempotency:
    """Runs what a request does once for each key."""

    def __init__(self, request: Request, session: Session, idempotency_key: Key = None) -> None:
        self.request, self.session, self.key = request, session, idempotency_key

    async def __call__(self, caller: object, create: Callable[[], Awaitable[Response]]) -> Response:
        """Return what `create` returns, or what it returned to the same caller, key and request.

        The response is stored in the request's transaction: both are committed, or neither. A
        request with a key that is in use waits for the other to end.
        """
        if self.key is None:
            return await create()
        content = await self.request.body()
        now = datetime.now(UTC)
        stored = StoredResponse(
            id=_digest(repr((str(caller), self.key)).encode()),
            request=_digest(f"{self.request.method} {self.request.url.path}\n".encode() + content),
            status=0,
            headers={},
            body="",
            expires_at=now + LIFETIME,
        )
        expired = select(StoredResponse.id).where(StoredResponse.expires_at < now).limit(100)
        await self.session.execute(
            delete(StoredResponse).where(
                StoredResponse.id.in_(expired.with_for_update(skip_locked=True))
            )
        )
        try:
            async with self.session.begin_nested():
                self.session.add(stored)
        except exc.IntegrityError:
            first = await self.session.get_one(StoredResponse, stored.id)
            if first.request != stored.request:
                raise ConflictError("Another request had this Idempotency-Key.") from None
            headers = first.headers | {"Idempotent-Replayed": "true"}
            return Response(first.body, first.status, headers)
        response = await create()
        stored.status, stored.headers = response.status_code, dict(response.headers)
        stored.body = bytes(response.body).decode()
        return response


Once = Annotated[Idempotency, Depends()]


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
