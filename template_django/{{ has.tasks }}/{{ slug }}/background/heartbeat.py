"""A file that a worker touches while it can get jobs. Container health checks look at its age."""

from pathlib import Path
from typing import Any

from ..environment import environment


def beat(*_: Any, **__: Any) -> None:
    """Touch the file, if WORKER_HEARTBEAT names one."""
    if environment.worker_heartbeat:
        Path(environment.worker_heartbeat).touch()
