"""Gunicorn, such that no request is lost when it stops.

Its own workers stop accepting connections at SIGTERM, while the proxy still sends them.
"""

import os
import signal
import socket
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any

from gunicorn import arbiter, glogging  # type: ignore[import-untyped]
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ..environment import environment
from .logging import standard_library
from .sizing import REQUESTS
from .timeouts import FLUSH, GRACE, KEEP_ALIVE
from .workers import refuse_later, shared_memory

SETTINGS: dict[str, Any] = {
    "bind": [],  # it is given a socket
    "worker_class": f"{__name__}.Worker",
    "threads": REQUESTS,
    "keepalive": KEEP_ALIVE,
    # How long the parent process lets its workers drain and end. One second more than they take.
    "graceful_timeout": environment.drain_seconds + GRACE + FLUSH + 1,
    "control_socket_disable": True,
    "logger_class": f"{__name__}.Logger",
    # Without a handler of its own, Gunicorn's logger uses the service's.
    "logconfig_dict": standard_library(environment.log_level)
    | {
        "loggers": {
            "gunicorn.error": {"level": environment.log_level, "propagate": True},
            # It warns that Django leaves the body of an answer to HEAD for the server to drop.
            "gunicorn.http.wsgi": {"level": "ERROR"},
        },
    },
}


def serve(host: str, port: int, workers: int) -> None:
    """Serve until a signal."""
    settings = {
        "workers": workers,
        "worker_tmp_dir": shared_memory(),  # for the file by which workers show that they live
    }
    try:
        listener = Listener(host, port)
    except OSError as error:
        raise SystemExit(f"{host}:{port}: {error.strerror}") from None
    Arbiter(Application(SETTINGS | settings), listener).run()


class Listener(socket.socket):
    """A socket that is bound, and on which the workers listen once they can answer.

    Gunicorn listens before it has loaded the application. Should that fail, the connections that
    wait are reset, with the requests on them.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.setblocking(False)
        self.bind((host, port))

    def __str__(self) -> str:
        """Stand in the log, which says a little early that it listens."""
        host, port = self.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Logger(glogging.Logger):  # type: ignore[misc]
    """Gunicorn's logs, without a line for each request, which the service writes by itself.

    Told by its settings to write none, Gunicorn would still put one together.
    """

    @property
    def access_log_enabled(self) -> bool:
        return False


class Worker(ThreadWorker):  # type: ignore[misc]  # it has no types
    """A process that goes on for a while after SIGTERM, but for one request a connection."""

    drain_until = 0.0  # not after SIGUSR2, which ends it

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGUSR2, self.handle_hurry)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())

    def load_wsgi(self) -> None:
        """Load the application, and listen. If one of these fails, Gunicorn ends: others would, too."""
        try:
            super().load_wsgi()
        except SystemExit as error:  # of the application: Gunicorn would start another worker
            raise RuntimeError("the application ended while it was loaded") from error
        for listener in self.sockets:
            listener.listen(self.cfg.backlog)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, once: SIGTERM may come from the parent process and from who stops all."""
        if self.alive:
            self.drain_until = monotonic() + environment.drain_seconds
        super().handle_exit(sig, frame)  # from now on, every response has `Connection: close`

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End at once, but not in here: Gunicorn would wait for a lock that this thread may hold."""
        self.method_queue.defer(partial(super().handle_quit, sig, frame))

    def handle_hurry(self, sig: int, frame: FrameType | None) -> None:
        self.drain_until = 0.0
        self.method_queue.defer(lambda: None)  # wakes it up

    def set_accept_enabled(self, enabled: bool) -> None:
        """Drain before the end, which begins with taking no more connections."""
        if self.alive or enabled:
            super().set_accept_enabled(enabled)
            return
        self.drain()
        super().set_accept_enabled(False)
        # Closing its socket refuses connections, but resets those that wait on it: take them first.
        for listener in self.sockets:
            count = -1
            while count != self.nr_conns:
                count = self.nr_conns
                self.accept(listener)
            listener.close()

    def drain(self) -> None:
        from . import health  # not above: it needs Django, which is set up only by now

        health.draining = True
        self.cfg.set("graceful_timeout", GRACE)  # for what is left after this
        while (rest := self.drain_until - monotonic()) > 0:
            self.notify()
            super().set_accept_enabled(self.nr_conns < self.worker_connections)
            self.wait_for_and_dispatch_events(timeout=min(rest, 1.0))
            self.murder_keepalived()
            self.murder_pending()

    def run(self) -> None:
        from . import database, tracing  # likewise

        super().run()
        database.close_pools()
        tracing.stop()


class Arbiter(arbiter.Arbiter):  # type: ignore[misc]
    """The parent process, which closes its listening socket at SIGTERM: the workers have it too."""

    is_stopping = False

    def __init__(self, application: BaseApplication, listener: Listener) -> None:
        super().__init__(application)
        self.LISTENERS = [listener]

    def spawn_worker(self) -> Any:
        """Keep signals until the new process listens: with what it inherits it would lose them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())

    def reap_workers(self) -> None:
        """Notice which workers have ended. That one could not start is a reason to stop, once."""
        try:
            super().reap_workers()
        except HaltServer:
            if not self.is_stopping:
                raise

    def stop(self, graceful: bool = True) -> None:
        self.is_stopping = True
        self.refuse = refuse_later(self.LISTENERS, environment.drain_seconds if graceful else 0)
        super().stop(graceful)

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Let a second SIGTERM end the drain."""
        if self.is_stopping and sig == signal.SIGTERM:
            self.refuse()
            for pid in list(self.WORKERS):
                os.kill(pid, signal.SIGUSR2)
        else:
            super().signal(sig, frame)


class Application(BaseApplication):  # type: ignore[misc]
    """What Gunicorn is told."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.settings.items():
            self.cfg.set(name, value)

    def load(self) -> object:
        from .wsgi import application

        return application
