"""Loads a server with wrk."""

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import FailedError
from benchmarks.database import ROWS
from benchmarks.servers import Server

HERE = Path(__file__).parent
CONNECTIONS = 32


def load(
    server: Server, row: str, seconds: float, connections: int = CONNECTIONS, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Loads a server for some seconds and returns what wrk says."""
    command: list[str | Path] = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds:g}s"]
    command += ["--timeout=10s", f"--script={HERE / 'load.lua'}", f"http://127.0.0.1:{server.port}"]
    given = itertools.chain.from_iterable((headers or {}).items())
    done = subprocess.run([*command, "--", row, str(ROWS), *given], capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if done.returncode or line is None:
        raise FailedError(f"wrk failed:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(line)
    if found["refused"] or found["broken"] or not found["requests"]:
        raise FailedError(
            f"{row}: of {found['requests']} answers, {found['refused']} are errors, and {found['broken']} connections"
            f" broke or timed out. The last lines of {server.log.name}:\n{tail(server.log)}"
        )
    return found


def tail(log: Path) -> str:
    """The end of a log, without the length of its lines: a traceback can be one of them."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
    return "\n".join(f"{line[:200]} ... {line[-200:]}" if len(line) > 400 else line for line in lines)
