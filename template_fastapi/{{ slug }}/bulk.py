"""Creating many rows in one request, with a result for each."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from .core.problems import ServiceError
from .schemas import Input


class Batch[T](Input):
    """Rows to create. If the content of one entry is invalid, the whole batch is refused."""

    entries: list[T] = Field(min_length=1, max_length=100)


class Result[T](BaseModel):
    """The result of an entry."""

    status: int = Field(description="The status of a separate request.", examples=[201])
    created: T | None = None
    detail: str | None = Field(
        default=None,
        description="Why it was not created.",
        examples=["An item with this name already exists."],
    )


class Results[T](BaseModel):
    """The results, in the order of the entries."""

    results: list[Result[T]]


async def create_each[T, R](
    session: AsyncSession,
    entries: Sequence[T],
    create: Callable[[T], Awaitable[R]],
    key: Callable[[T], Any],
) -> Results[R]:
    """Create a row for each entry; those that fail change nothing.

    `key` returns the entry's unique value. Rows are created in its order: in different orders, two
    requests with the same values would wait for each other.
    """
    results: dict[int, Result[R]] = {}
    for index in sorted(range(len(entries)), key=lambda index: key(entries[index])):
        try:
            async with session.begin_nested():
                results[index] = Result(status=201, created=await create(entries[index]))
        except ServiceError as error:
            results[index] = Result(status=error.status, detail=str(error))
    return Results(results=[results[index] for index in range(len(entries))])
