"""What an owner might write, and what goes wrong in it."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, BackgroundTasks, Body, HTTPException, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import text

from ..core.database import Session
from ..http import create_client
from ..core.problems import ConflictError

router = APIRouter(prefix="/api/probe", tags=["probe"])


@router.get("/sleep")
async def sleep(seconds: float) -> float:
    """Take a while."""
    await asyncio.sleep(seconds)
    return seconds


@router.get("/fail")
async def fail() -> None:
    """Fail in a way that nobody expects, with secrets at hand."""
    password = "hunter2"
    token = "hunter3"
    raise RuntimeError(f"could not log in with {len(password + token)} characters")


@router.post("/log")
async def log(fields: Annotated[dict[str, Any], Body()]) -> None:
    """Log what was sent, as the service's code does and as libraries do."""
    structlog.get_logger(__name__).info("logged by the service", **fields)
    library = logging.getLogger("library")
    library.warning("logged by a library", extra=fields)
    warnings.warn("warned by a library", stacklevel=1)


@router.get("/call")
async def call(url: str) -> int:
    """Call another service and return the status code of its answer."""
    async with create_client() as client:
        return (await client.get(url)).status_code


@router.get("/status")
async def status(code: int) -> None:
    """Refuse."""
    if code == 409:
        raise ConflictError("That is taken.")
    raise HTTPException(code)


@router.get("/query")
async def query(session: Session, seconds: float = 0) -> float:
    """Keep a connection to the database for a while."""
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    return seconds


@router.get("/setting")
async def setting(session: Session, name: str) -> str:
    """Read a setting of the database for this request's connection."""
    statement = text("SELECT current_setting(:name)")
    return str(await session.scalar(statement, {"name": name}))


@router.get("/stream")
async def stream(seconds: float) -> StreamingResponse:
    """Start to answer at once, and go on for a while."""

    async def parts() -> AsyncIterator[str]:
        yield "first"
        await asyncio.sleep(seconds)
        yield "last"

    return StreamingResponse(parts(), media_type="text/plain")


@router.get("/background")
async def background(seconds: float, tasks: BackgroundTasks) -> float:
    """Answer, then work for a while."""
    tasks.add_task(asyncio.sleep, seconds)
    return seconds


@router.post("/upload")
async def upload(request: Request) -> int:
    """Read a body piece by piece."""
    return sum([len(piece) async for piece in request.stream()])
