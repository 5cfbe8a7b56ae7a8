"""Creates that a client may repeat, if it does not know whether the first attempt arrived.

It sends the same Idempotency-Key: draft-ietf-httpapi-idempotency-key-header.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from sqlalchemy import JSON, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .core.database import Session
from .core.problems import ConflictError, InvalidError

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
    """The response to a key of a caller at an endpoint."""

    __tablename__ = "stored_responses"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # a digest of these
    request: Mapped[str] = mapped_column(String(64))  # a digest of its content
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Idempotency:
    """Runs a request's operation once for each key."""

    def __init__(self, request: Request, session: Session, idempotency_key: Key = None) -> None:
        self.request, self.session, self.key = request, session, idempotency_key

    async def __call__(self, caller: object, create: Callable[[], Awaitable[Response]]) -> Response:
        """Return what `create` returns, or what it returned to the first request with this key.

        The response is stored in the request's transaction: both are committed, or neither.
        """
        if self.key is None:
            return await create()
        now, url = datetime.now(UTC), self.request.url
        own = _digest(repr((str(caller), self.request.method, url.path, self.key)).encode())
        content = _digest(url.query.encode() + b"\n" + await _content(self.request))
        await self._lock(own)
        expired = StoredResponse.expires_at < now
        await self.session.execute(delete(StoredResponse).where(StoredResponse.id == own, expired))
        if first := await self.session.get(StoredResponse, own):
            if first.request != content:
                raise InvalidError("This Idempotency-Key was used for a different request.")
            headers = first.headers | {"Idempotent-Replayed": "true"}
            return Response(first.body, first.status, headers)
        response = await create()
        if response.status_code < 500:  # otherwise the client may try again
            self.session.add(
                StoredResponse(
                    id=own,
                    request=content,
                    status=response.status_code,
                    headers=dict(response.headers),
                    body=bytes(response.body),
                    expires_at=now + LIFETIME,
                )
            )
        others = select(StoredResponse.id).where(expired).limit(100)
        others = others.with_for_update(skip_locked=True)
        await self.session.execute(delete(StoredResponse).where(StoredResponse.id.in_(others)))
        return response

    async def _lock(self, own: str) -> None:
        """Refuse the request while another one has the key, until the end of its transaction.

        SQLite needs no lock: there, a transaction that writes waits for the others.
        """
        if (await self.session.connection()).dialect.name == "postgresql":
            number = int.from_bytes(bytes.fromhex(own[:16]), signed=True)
            if not await self.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
                detail = "The first request with this Idempotency-Key is still running."
                raise ConflictError(detail, {"Retry-After": "1"})


Once = Annotated[Idempotency, Depends()]


async def _content(request: Request) -> bytes:
    """Return the body, or the fields of a form: each repetition may have another boundary."""
    try:
        return await request.body()
    except RuntimeError:  # FastAPI has read it, for parameters such as UploadFile
        form = await request.form()
    fields = list[tuple[str, str]]()
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.append((name, value))
        else:
            fields.append((f"{name} {value.filename}", _digest(await value.read())))
            await value.seek(0)
    return repr(fields).encode()


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
