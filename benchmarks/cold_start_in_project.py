"""One cold start for cold_start.py, in the project's environment: prints its figures as JSON.

Its arguments are the function's directory, its handler, and a number of further requests.
"""

import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))
# This package is only in the project.
function: Any = importlib.import_module("tests.core.function").function
EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/api/v1/items/1",
    "rawQueryString": "",
    "headers": {"host": "localhost"},
    "requestContext": {
        "http": {"method": "GET", "path": "/api/v1/items/1", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7"},
        "stage": "$default",
    },
    "isBase64Encoded": False,
}


def main() -> None:
    """Start the function, send it requests, and print what they took."""
    directory, handler, requests = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    variables = {"ALLOWED_HOSTS": "localhost", "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        with function(handler, Path(scratch, "log"), variables, directory) as runtime:
            process = child()
            found = {"cold_ms": ask(runtime, start) * 1000, "cold_cpu_ms": cpu(process) * 1000}
            before = cpu(process)
            found["warm_us"] = statistics.median(ask(runtime, time.perf_counter()) for _ in range(requests)) * 1e6
            found["warm_cpu_us"] = (cpu(process) - before) / requests * 1e6
            found["memory_mib"] = memory(process)
    print(json.dumps(found))


def ask(runtime: Any, since: float) -> float:
    """Seconds until an item is answered."""
    answer = runtime.invoke(EVENT)
    if answer["statusCode"] != 200:
        raise SystemExit(f"the function answered {answer}")
    return time.perf_counter() - since


def child() -> Path:
    """The directory in /proc of the process that this one has started."""
    return Path("/proc", Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()[-1])


def cpu(process: Path) -> float:
    """Seconds of CPU that all its threads have used."""
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in process.glob("task/*/schedstat")) / 1e9


def memory(process: Path) -> float:
    """The most memory that it has used, in MiB."""
    lines = (process / "status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
