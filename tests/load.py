"""A closed loop of clients: each sends its next request after the complete response to the last one."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

PAUSE = 0.01  # seconds between a response and the next request, which limits the load on any machine
TIMEOUT = 60

# Maps the unique number of a request to its method, path and JSON body.
Make = Callable[[int], tuple[str, str, object]]


@dataclass(frozen=True)
class Outcome:
    """The result of one request."""

    method: str
    path: str
    status: int = 0  # none
    error: str = ""  # the reason for an incomplete response

    @property
    def failed(self) -> bool:
        """Whether the request failed."""
        return bool(self.error) or self.status >= 500


@dataclass
class Load:
    """The results so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _next: int = 0

    @property
    def failures(self) -> list[Outcome]:
        """Requests without a response, or with a 5xx."""
        return [outcome for outcome in self.outcomes if outcome.failed]

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Wait until that many more requests have ended."""
        with self._changed:
            wanted = len(self.outcomes) + count
            assert self._changed.wait_for(lambda: len(self.outcomes) >= wanted, seconds), "too few answers in time"

    def _take(self) -> int:
        with self._changed:
            self._next += 1
            return self._next

    def _record(self, outcome: Outcome) -> None:
        with self._changed:
            self.outcomes.append(outcome)
            self._changed.notify_all()

    def _client(self, url: str, make: Make, stop: threading.Event, pause: float) -> None:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        while not stop.wait(pause):
            method, path, body = make(self._take())
            self._record(send(connection, method, path, body))
        connection.close()


def send(connection: HTTPConnection, method: str, path: str, body: object = None) -> Outcome:
    """Send a request and read its complete response, on a connection that stays open if the server allows it."""
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        connection.close()
        return Outcome(method, path, error=repr(error))
    return Outcome(method, path, answer.status)


@contextlib.contextmanager
def load(url: str, make: Make, clients: int = 16, pause: float = PAUSE) -> Iterator[Load]:
    """Keep `clients` busy with requests from `make` until the block ends."""
    running = Load()
    stop = threading.Event()
    threads = [threading.Thread(target=running._client, args=(url, make, stop, pause)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        stop.set()
        for thread in threads:
            thread.join()
