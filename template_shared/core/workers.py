"""What the process that starts the workers prepares for them."""

import atexit
import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Timer

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
SO_BINDTOIFINDEX = 62  # Linux's, which Python does not name
NO_INTERFACE = 2**31 - 1  # a number that none has


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


def refuse_connections(listener: socket.socket) -> None:
    """Take no more connections, for all processes that have the socket, but leave those that wait.

    Closing it would reset those, with the requests on them. A proxy turns to another instance when
    it is refused, but must not send again what is not safe to be done twice. So the socket is bound
    to a network interface: it gets only the connections that arrive there, and none does. This
    needs Linux 5.7; elsewhere, who comes in the last moment can be reset.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX, NO_INTERFACE)


def refuse_later(listeners: Iterable[socket.socket], seconds: float) -> Callable[[], None]:
    """Refuse connections when the drain is all but over; what this returns does it at once."""
    # The originals may be closed meanwhile. (Their `dup` would change how they block, for all.)
    copies = [socket.socket(fileno=os.dup(listener.fileno())) for listener in listeners]

    def refuse() -> None:
        while copies:
            copy = copies.pop()
            refuse_connections(copy)
            copy.close()

    timer = Timer(max(0.0, seconds - 0.05), refuse)
    timer.daemon = True
    timer.start()
    return refuse
