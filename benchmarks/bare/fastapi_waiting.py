"""Endpoints that wait: for a slow service, and for events that never come."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from fastapi.responses import StreamingResponse
from fastapi_app import app

client = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None))


@app.get("/api/bench/slow")
async def slow() -> Any:
    return (await client.get(os.environ["SLOW_URL"])).json()


@app.get("/api/bench/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(events(), media_type="text/event-stream")


async def events() -> AsyncIterator[str]:
    yield "data: open\n\n"
    await asyncio.Event().wait()
