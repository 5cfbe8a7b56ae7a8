"""nginx with the configuration that a rendered project ships, as its image's entry point would prepare it."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def configure(project: Path, directory: Path, servers: Sequence[str], port: int = 8080) -> Path:
    """Writes to `directory` what the container would have for these `servers` (host:port); returns the main file.

    Only places differ: `directory` stands for /tmp, and `port` of the loopback address for 8080.
    """
    shipped = project / "deploy" / "nginx"
    upstream = " ".join(f"server {server} fail_timeout=2s;" for server in servers)
    service = (shipped / "templates" / "service.conf.template").read_text().replace("${UPSTREAM_SERVERS}", upstream)
    service = service.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    main = (shipped / "nginx.conf").read_text()
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("service.conf", service), ("nginx.conf", main)):
        text = text.replace("/tmp/", f"{directory}/")  # noqa: S108
        (directory / name).write_text(text.replace("/dev/std", f"{directory}/std"))
    return directory / "nginx.conf"


@contextlib.contextmanager
def started(project: Path, directory: Path, servers: Sequence[str]) -> Iterator[str]:
    """nginx in front of `servers` (host:port) until the block ends; gives its URL.

    What it logs is in `directory`: `stdout` has its access log, `stderr` its errors.
    """
    assert PROGRAM, "nginx is not installed"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    main = configure(project, directory, servers, port)
    command: list[str | Path] = [PROGRAM, "-e", directory / "stderr", "-c", main, "-g", "daemon off;"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (directory / "stderr").read_text()
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)
