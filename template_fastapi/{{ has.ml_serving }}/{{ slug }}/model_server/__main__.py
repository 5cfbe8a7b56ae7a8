"""Print the memory that a worker needs, and how many fit: `python -m <package>.model_server`."""

import asyncio
import os
import resource
import sys
from pathlib import Path

LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
RESERVE = 0.25  # for requests, and for growth over days


async def peak() -> int:
    """Return the peak memory of this process when everything is loaded, in bytes."""
    from ..main import app

    async with app.router.lifespan_context(app):
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else used * 1024


def available() -> int:
    """Return the container's limit, or the machine's memory."""
    text = LIMIT.read_text().strip() if LIMIT.exists() else "max"
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return machine if text == "max" else min(int(text), machine)


def workers(each: int, total: int) -> int:
    """Return how many workers fit."""
    return int(total * (1 - RESERVE) // each)


if __name__ == "__main__":
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # the metrics of workers stay as they are
    each, total = asyncio.run(peak()), available()
    sys.stdout.write(
        f"A worker needs {each >> 20} MiB. With a quarter in reserve, "
        f"{total >> 20} MiB are enough for {workers(each, total)}: WEB_CONCURRENCY.\n"
    )
