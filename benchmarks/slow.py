"""A service that answers every request after 100 ms.

A process of its own, on the load generator's core: waiting is not the service's work.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.processes import answers, free_port, running

SECONDS = 0.1
BODY = b'{"status": "ok"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@contextlib.contextmanager
def answering_slowly(log: Path) -> Iterator[str]:
    """The URL of the service, which runs until the end of the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "benchmarks.slow", str(port)]
    with running(command, log, lambda: answers(url), cwd=Path(__file__).resolve().parent.parent):
        yield url


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the requests of a connection, which have no body."""
    with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(SECONDS)
            writer.write(ANSWER)


async def main() -> None:
    """Serves the port in the first argument until it is stopped."""
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
