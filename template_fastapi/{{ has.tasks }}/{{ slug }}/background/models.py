"""Jobs and their parts. The tables are authoritative; messages in the queue only refer to them."""

import enum
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, BigId

UNFINISHED = text("finished_at IS NULL")


def now() -> datetime:
    return datetime.now(UTC)


class Status(enum.StrEnum):
    waiting = "waiting"
    running = "running"
    done = "done"
    failed = "failed"


class Job(Base):
    """Work in parts, of which `position` are done."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("unfinished_jobs", "due_at", postgresql_where=UNFINISHED, sqlite_where=UNFINISHED),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    function: Mapped[str] = mapped_column(String(200))  # its path, such as a.b:c
    title: Mapped[str] = mapped_column(String(100))
    owner: Mapped[str] = mapped_column(String(255), default="", index=True)  # the caller's id
    status: Mapped[Status] = mapped_column(default=Status.waiting)
    position: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime]  # when the next part may run
    sent_at: Mapped[datetime]  # the last message or part; if before due_at, a message is missing
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    # The request that started it, for logs and traces.
    request_id: Mapped[str] = mapped_column(String(64), default="")
    traceparent: Mapped[str] = mapped_column(String(55), default="")


class JobPart(Base):
    """A part of a job: its input, and its output once it is done."""

    __tablename__ = "job_parts"
    __table_args__ = (UniqueConstraint("job_id", "number"),)

    id: Mapped[BigId]
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    number: Mapped[int]
    given: Mapped[Any] = mapped_column(JSON)
    result: Mapped[str] = mapped_column(Text, default="")
    is_done: Mapped[bool] = mapped_column(default=False)
