"""Uvicorn, such that no request is lost when it stops.

By itself it stops accepting connections at SIGTERM, while the proxy still sends them.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from socket import socket
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from ..environment import environment
from .timeouts import FLUSH, GRACE, LINGER
from .workers import refuse_connections, refuse_later

CLOSE = (b"connection", b"close")


def serve(config: uvicorn.Config) -> None:
    """Serve in as many processes as `config` says, until a signal; end the process if that fails."""
    listener = config.bind_socket()
    if config.workers > 1:
        multiprocess.Process = Process  # type: ignore[misc]  # what the supervisor starts
        supervisor = Supervisor(config, [listener])
        supervisor.run()
        has_failed = any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes)
    else:
        server = Server(config)
        server.run([listener])
        has_failed = not server.started
    if has_failed:
        sys.exit(STARTUP_FAILURE)


class Server(uvicorn.Server):
    """A process that goes on for a while after SIGTERM, but for one request a connection."""

    is_worker = False
    drain_until: float | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to the supervisor's SIGUSR2, too."""
        signal.signal(signal.SIGUSR2, self.handle_exit)
        with super().capture_signals():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at SIGTERM; end that, or the process, at any other signal.

        A worker may get SIGTERM from the supervisor and also from whoever stops all processes.
        """
        if sig == signal.SIGTERM and self.drain_until is None:
            self.drain_until = time.monotonic() + environment.drain_seconds
        elif sig != signal.SIGTERM or not self.is_worker:
            self.force_exit |= self.should_exit and sig == signal.SIGINT
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to end."""
        from . import health  # not above: the supervisor needs none of what that imports

        if self.drain_until is not None and not health.draining:
            health.draining = True
            self.announce()
        is_over = self.drain_until is not None and time.monotonic() >= self.drain_until
        return await super().on_tick(counter) or is_over

    def announce(self) -> None:
        """Let every response end its connection, from those on that are not yet sent."""
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle and not cycle.response_started:
                cycle.keep_alive = False

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take no more connections, and let what is running end."""
        if not self.is_worker:  # for workers, the supervisor does it
            for listener in sockets or []:
                refuse_connections(listener)
            await asyncio.sleep(0.05)  # for those that are just being made
        # Closing a socket resets the connections that wait on it: take them first.
        waiting = [connection for listener in sockets or [] for connection in accepted(listener)]
        for server in self.servers:
            server.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self.protocol, connection)

        # On a new connection, the request may still be on its way.
        deadline = time.monotonic() + (LINGER if self.drain_until is not None else 0)
        while self.server_state.connections and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    def protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def accepted(listener: socket) -> Iterator[socket]:
    """Accept the connections that are waiting."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            yield connection


class Process(multiprocess.Process):
    """A worker of the supervisor's."""

    def target(self, sockets: list[socket] | None = None) -> None:
        """Serve. Let the supervisor end if the application cannot be imported, as no worker could."""
        try:
            super().target(sockets)
        except (Exception, SystemExit) as error:
            if self.server.started or getattr(error, "code", None) == STARTUP_FAILURE:
                raise
            traceback.print_exc()
            sys.exit(STARTUP_FAILURE)

    @property
    def server(self) -> Server:
        if not isinstance(self._server, Server):
            self._server = Server(self.config)
            self._server.is_worker = True
        return self._server


class Supervisor(multiprocess.Multiprocess):
    """The parent process, which closes its listening socket at SIGTERM: the workers have it too."""

    is_hurried = False

    def handle_hup(self) -> None:
        """Do nothing. Uvicorn would replace its workers, and hear no signal until all have drained."""

    handle_ttin = handle_ttou = handle_hup

    def handle_int(self) -> None:
        """Let SIGINT end the workers without draining."""
        self.is_hurried = True
        super().handle_int()

    def terminate_all(self) -> None:
        self.refuse = refuse_later(self.sockets, environment.drain_seconds)
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers. Another signal ends their drain; who outlasts every limit is killed."""
        deadline = time.monotonic() + environment.drain_seconds + GRACE + FLUSH + 1
        while alive := [worker for worker in self.processes if worker.process.is_alive()]:
            if self.is_hurried or {signal.SIGTERM, signal.SIGINT} & set(self.signal_queue):
                self.is_hurried = False
                self.signal_queue.clear()
                self.refuse()
                for pid in filter(None, [worker.pid for worker in alive]):
                    os.kill(pid, signal.SIGUSR2)
            elif time.monotonic() > deadline:
                for worker in alive:
                    worker.kill()
            time.sleep(0.05)
        super().join_all()
