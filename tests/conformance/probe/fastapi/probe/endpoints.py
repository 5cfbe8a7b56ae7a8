"""What an owner might write, and what goes wrong in it."""

import asyncio
import logging
import warnings
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, HTTPException
from sqlalchemy import text

from ..core.database import Session
from ..core.http import Client
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
    library.warning("logged by a library: %s", fields)
    warnings.warn("warned by a library", stacklevel=1)


@router.get("/call")
async def call(url: str) -> int:
    """Call another service and return the status code of its answer."""
    async with Client() as client:
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
