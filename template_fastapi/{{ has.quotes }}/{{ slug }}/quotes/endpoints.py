"""The API of quotes."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query, Request
from starlette.requests import ClientDisconnect

from ..schemas import Text
from .schemas import QuotesRead
from .service import Suppliers

router = APIRouter(prefix="/api/v1/quotes", tags=["quotes"])

Product = Annotated[Text, Query(min_length=1, max_length=100, examples=["lamp"])]


def get_suppliers(request: Request) -> Suppliers:
    suppliers: Suppliers = request.state.suppliers
    return suppliers


@router.get("")
async def list_quotes(
    product: Product, request: Request, suppliers: Annotated[Suppliers, Depends(get_suppliers)]
) -> QuotesRead:
    """Ask all suppliers for a product, and return what arrives in time."""
    quotes = await unless_disconnected(request, suppliers.ask(product))
    if missing := [quote.supplier for quote in quotes if quote.outcome != "answered"]:
        structlog.contextvars.bind_contextvars(missing_suppliers=missing)  # for the line in the log
    return QuotesRead(product=product, quotes=quotes)


async def unless_disconnected[T](request: Request, work: Awaitable[T]) -> T:
    """Return the result of `work`, or cancel it when the client disconnects."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.create_task(disconnected(request))
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)


async def disconnected(request: Request) -> None:
    """Wait until the client has disconnected."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
