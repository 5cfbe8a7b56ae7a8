"""How much an instance takes: worker processes by its CPUs, connections by its worker processes."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

REQUESTS = 4  # how many of a worker's requests must be able to use the database at once
CONNECTIONS = REQUESTS + 1  # that a worker needs: one is for the readiness probe


def workers(connections: int, cpus: int | None = None) -> int:
    """Return how many worker processes use the CPUs, if all together open `connections` at most.

    That is one for each CPU, in both frameworks. More would only share a CPU: an event loop waits
    for many requests at once, and so do a process's threads.
    """
    return max(1, min(cpus or usable_cpus(), connections // CONNECTIONS))


def pool_size(connections: int) -> int:
    """Return how many connections this process has for requests, of the `connections` of all."""
    return max(1, connections // int(os.environ.get("WEB_CONCURRENCY") or 1) - 1)


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many CPUs this process can keep busy; a part of one counts as one."""
    present = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int(min([present or 1, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """Find the limits, in CPUs, of this process's control group and of those around it.

    A container sees its own at the top, whatever path it is told.
    """
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            top = root / "sys/fs/cgroup"
            if controllers:  # version 1
                top /= "cpu"
                if "cpu" not in controllers.split(","):
                    continue
            group = top / path.lstrip("/")
            for directory in (group, *group.parents):
                if directory.is_relative_to(top):
                    yield from _quota(directory)


def _quota(directory: Path) -> Iterator[float]:
    for files in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        with contextlib.suppress(OSError):
            quota, period = " ".join((directory / file).read_text() for file in files).split()
            if quota not in ("max", "-1"):
                yield int(quota) / int(period)
