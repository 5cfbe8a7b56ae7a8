"""Mistakes that the tests' set-up and the linters find."""

import asyncio
import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from blockbuster import BlockingError
from fastapi import APIRouter
from pydantic import BaseModel, PydanticDeprecatedSince20

from .serving import application

ROOT = Path(__file__).parents[2]


def wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=1)


def connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 9))


def query() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("SELECT 1")


BLOCKING: dict[str, Callable[[], object]] = {
    "sleep": lambda: time.sleep(0),
    "file": Path(__file__).read_text,
    "socket": connect,
    "SQLite": query,
    "lock": wait_for_a_lock,
}


@pytest.mark.parametrize("wait", BLOCKING.values(), ids=BLOCKING)
async def test_a_blocking_call_in_an_endpoint_is_an_error(wait: Callable[[], object]) -> None:
    router = APIRouter()

    @router.get("/blocking")
    async def blocking() -> None:
        wait()

    transport = httpx2.ASGITransport(application(router))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with pytest.raises(BlockingError):
            await client.get("/blocking")


async def test_what_runs_in_a_thread_may_wait() -> None:
    router = APIRouter()

    @router.get("/thread")
    def thread() -> None:
        time.sleep(0)

    @router.get("/other-thread")
    async def other_thread() -> None:
        await asyncio.to_thread(time.sleep, 0)

    transport = httpx2.ASGITransport(application(router))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/thread")).status_code == 200
        assert (await client.get("/other-thread")).status_code == 200


def checked(*command: str, text: str | None = None) -> str:
    """Run a tool, which must find something."""
    arguments = [sys.executable, "-m", *command]
    result = subprocess.run(
        arguments, cwd=ROOT, input=text, text=True, capture_output=True, check=False
    )
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "line",
    [
        "from pydantic import validator",
        "from pydantic import root_validator",
        "from pydantic import parse_obj_as",
        "from pydantic.v1 import BaseModel",
        "import pydantic.v1",
    ],
)
def test_the_linter_refuses_names_of_pydantic_1(line: str) -> None:
    printed = checked("ruff", "check", "--output-format=concise", "-", text=f"{line}\n")
    assert "TID251" in printed


@pytest.mark.slow
def test_mypy_refuses_methods_of_pydantic_1(tmp_path: Path) -> None:
    old = tmp_path / "old.py"
    old.write_text(
        "from pydantic import BaseModel\n"
        "class Old(BaseModel): ...\n"
        "Old().dict()\n"
        "Old().json()\n"
        "Old.parse_obj({})\n"
    )
    printed = checked("mypy", "--cache-dir", str(tmp_path / "cache"), str(old))
    assert [line.split(":")[1] for line in printed.splitlines() if "[deprecated]" in line] == list(
        "345"
    )


def test_a_configuration_of_pydantic_1_is_an_error() -> None:
    with pytest.raises(PydanticDeprecatedSince20):

        class Old(BaseModel):
            class Config:
                from_attributes = True
