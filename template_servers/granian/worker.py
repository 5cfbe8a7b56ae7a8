"""Granian, such that no request is lost when it stops.

Its own workers stop accepting connections at SIGTERM, while the proxy still sends them.
"""

import contextlib
import importlib
import os
import signal
import socket
from collections.abc import Callable
from functools import lru_cache, partial
from ipaddress import ip_address, ip_network
from multiprocessing import parent_process, set_start_method
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Any

import structlog
from granian import _signals
from granian._granian import WorkerSignal
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from ..environment import environment
from . import logging
from .sizing import REQUESTS
from .timeouts import FLUSH, GRACE, KEEP_ALIVE, LINGER
from .workers import refuse_connections

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# What Gunicorn has as defaults.
BACKLOG = 2048  # connections that wait until a worker accepts them
CONNECTIONS = 1000  # that a worker has, idle ones included

SETTINGS: dict[str, Any] = {
    "interface": Interfaces.WSGI,
    "http": HTTPModes.http1,
    "websockets": False,
    "blocking_threads": REQUESTS,
    "backlog": BACKLOG,
    "backpressure": CONNECTIONS,
    # It also limits for how long a connection stays open without a request. In milliseconds.
    "http1_settings": HTTP1Settings(header_read_timeout=KEEP_ALIVE * 1000),
    "log_level": LogLevels(environment.log_level.lower()),
    # Nothing but the level: the rest is ours.
    "log_dictconfig": {"incremental": True, "handlers": {}, "loggers": {}},
    "respawn_failed_workers": True,
    # How long the parent process lets its workers drain and end. One second more than they take.
    "workers_kill_timeout": environment.drain_seconds + GRACE + FLUSH + 1,
}

CANNOT_START = 3  # an exit code
CLOSE = ("Connection", "close")


def serve(host: str, port: int, workers: int) -> None:
    """Serve until a signal."""
    logging.configure(environment.log_level)
    set_start_method("spawn")  # a fork would copy the threads' locks, but not the threads
    server = Server("", address_of(host, port), port, workers=workers, **SETTINGS)
    server.serve(work, load, wrap_loader=False)


def address_of(host: str, port: int) -> str:
    """Find the address, which Granian wants, and whether the port is free, which it does not ask.

    Each of its workers listens on its own, next to any other that this user has there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            return str(trial.getsockname()[0])
    except OSError as error:
        raise SystemExit(f"{host}:{port}: {error.strerror}") from None


class Server(MPServer):
    """The parent process."""

    def signal_handler_interrupt(self, sig: int, *_: object) -> None:
        """Stop. Let SIGINT, or a second SIGTERM, end the drain."""
        is_urgent = self.interrupt_signal or sig == signal.SIGINT
        for worker in self.wrks:
            worker.interrupt_by_parent = True  # which may have got the signal, too, and not fail
            if is_urgent:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.inner.pid, signal.SIGUSR2)
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    def signal_handler_reload(self, *_: object) -> None:
        """Do nothing. Granian would replace its workers, and reset connections."""

    def _respawn_workers(self, workers: list[int], *rest: Any, **options: Any) -> None:
        """Replace workers, or end where one could not load the application: no other could."""
        if any(self.wrks[index].inner.exitcode == CANNOT_START for index in workers):
            self.shutdown(CANNOT_START)  # type: ignore[no-untyped-call]
        super()._respawn_workers(workers, *rest, **options)


def work(*arguments: Any) -> None:
    """Be a worker."""
    logging.configure(environment.log_level)
    Thread(target=end_with_parent, daemon=True).start()
    before, ((spec, holder), handed_on), after = arguments[:3], arguments[3], arguments[4:]
    holder = holder or spec.build()  # which Granian would do, but not tell of its socket
    _signals.set_sync_signals = partial(listen_to_signals, holder.get_fd())
    code = CANNOT_START
    try:
        importlib.import_module(".wsgi", __package__)
        code = 1
        MPServer._spawn_wsgi_worker(*before, ((None, holder), handed_on), *after)
    except (Exception, SystemExit):
        structlog.get_logger(__name__).exception("worker failed")
        raise SystemExit(code) from None
    say_goodbye()


def say_goodbye() -> None:
    from . import database, tracing  # not above: these need Django, which the parent does not

    database.close_pools()
    tracing.stop()


def end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def listen_to_signals(listener: int) -> WorkerSignal:
    """Drain at SIGTERM, in place of ending. SIGUSR2 ends the drain.

    Python would act on a signal in the main thread only, which waits for the others and may sleep on.
    """
    the_end = WorkerSignal()
    signals, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the parent process, too
    Thread(target=obey, args=[signals, wakeup, listener, the_end], daemon=True).start()
    return the_end


def obey(signals: socket.socket, _: socket.socket, listener: int, the_end: WorkerSignal) -> None:
    from . import health  # likewise

    is_hurried = Event()

    def stop_listening() -> None:
        """Refuse connections, and end later: the end closes those on which no request has come yet."""
        if is_hurried.is_set():
            return
        with socket.socket(fileno=os.dup(listener)) as copy:
            refuse_connections(copy)
        later(LINGER, the_end.set)
        later(GRACE, give_up)

    while number := signals.recv(1):
        if number[0] == signal.SIGUSR2:
            health.draining = True
            is_hurried.set()
            the_end.set()
            later(GRACE, give_up)
        # Once: it may come from the parent process and from who stops all.
        elif number[0] == signal.SIGTERM and not health.draining:
            health.draining = True
            later(environment.drain_seconds, stop_listening)


def later(seconds: float, action: Callable[[], None]) -> None:
    timer = Timer(seconds, action)
    timer.daemon = True
    timer.start()


def give_up() -> None:
    """End although requests are running, or connections open on which none has come yet."""
    say_goodbye()
    os._exit(0)


def load() -> "WSGIApplication":
    """Load the application, and complete what Granian does for it."""
    from . import health
    from .wsgi import application

    def served(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        if "HTTP_X_FORWARDED_PROTO" in environ and is_proxy(environ["REMOTE_ADDR"]):
            is_secure = environ["HTTP_X_FORWARDED_PROTO"] == "https"
            environ["wsgi.url_scheme"] = "https" if is_secure else "http"

        def respond(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if health.draining:
                headers = [*headers, CLOSE]
            return start_response(status, headers, *rest)

        return application(environ, respond)

    return served


def proxies() -> list[Any]:
    names = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1").replace("*", "0.0.0.0/0,::/0")
    try:
        return [ip_network(name.strip()) for name in names.split(",") if name.strip()]
    except ValueError:
        message = "FORWARDED_ALLOW_IPS: addresses or networks, separated by commas, or *"
        raise SystemExit(message) from None


PROXIES = proxies()


@lru_cache
def is_proxy(address: str) -> bool:
    """Whether what that host says of the client counts."""
    return any(ip_address(address) in network for network in PROXIES)
