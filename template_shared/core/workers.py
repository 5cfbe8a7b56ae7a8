"""What the process that starts the workers prepares for them."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def shared_memory() -> str | None:
    """Return a folder that is not on a disk, which could hold a worker up, if there is one."""
    return str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None


def share_metrics() -> None:
    """Give the workers a place to count together. The metrics module must not be imported before."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        return
    directory = tempfile.mkdtemp(prefix="metrics-", dir=shared_memory())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    parent = os.getpid()

    def remove() -> None:
        if os.getpid() == parent:  # a forked worker inherits this
            shutil.rmtree(directory, ignore_errors=True)

    atexit.register(remove)
