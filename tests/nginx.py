"""nginx with the configuration that a rendered project ships, as its image's entry point would prepare it."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import processes

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
PORTS = {"http": 8080, "https": 8443, "inside": 8081}


@dataclass(frozen=True)
class Nginx:
    """A running nginx: `directory` stands for the container's /tmp, and holds its /srv and its certificates."""

    process: subprocess.Popen[bytes]
    directory: Path
    ports: dict[str, int]

    @property
    def url(self) -> str:
        """Plain HTTP."""
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def tls(self) -> str:
        """HTTPS, where it listens for it."""
        return f"https://127.0.0.1:{self.ports['https']}"

    @property
    def inside(self) -> str:
        """What is not for the public."""
        return f"http://127.0.0.1:{self.ports['inside']}"


def configure(
    project: Path,
    directory: Path,
    servers: Sequence[str],
    *,
    listen: str = "http",
    trusted: str = "",
    hosts: str = "*",
    live: str = "",
    limited: bool = False,
    ports: dict[str, int] = PORTS,
) -> Path:
    """Writes to `directory` what the container would have for one or two `servers` (host:port); returns the main file.

    `directory` stands for /tmp, and `ports` of the loopback address for the container's. The rates differ as well: all
    of a test's clients share an address. If `limited`, bursts are all that they get, however slow the machine is.
    """
    shipped = project / "deploy" / "nginx"
    variables = {
        "INSTANCE_A": servers[0],
        "INSTANCE_B": servers[-1],
        "LIVE": live or servers[-1],
        "TRUSTED_PROXIES": trusted,
        "ALLOWED_HOSTS": hosts,
        "LISTEN_ADDRESS": "",
        "LISTEN": listen,
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "locations").mkdir(exist_ok=True)
    for path in (shipped / "locations").glob("*.conf"):
        (directory / "locations" / path.name).write_text(path.read_text().replace("/tmp/", f"{directory}/"))  # noqa: S108
    for path in (shipped / "nginx.conf", *(shipped / "templates").iterdir()):
        text = path.read_text()
        if path.suffix == ".template":
            for name, value in variables.items():
                text = text.replace(f"${{{name}}}", value)
        for name, port in PORTS.items():
            text = text.replace(f"listen {port}", f"listen 127.0.0.1:{ports[name]}")
        text = re.sub(r" rate=\w+/[sm];", " rate=1r/m;" if limited else " rate=1000000r/s;", text)
        text = text.replace("/tmp/", f"{directory}/").replace("root /tmp;", f"root {directory};")  # noqa: S108
        text = text.replace("/srv", f"{directory}/srv")
        text = re.sub(r"/etc/nginx/(certificates|locations)", rf"{directory}/\1", text)
        (directory / path.name.removesuffix(".template")).write_text(text.replace("/dev/std", f"{directory}/std"))
    return directory / "nginx.conf"


def check(main: Path) -> subprocess.CompletedProcess[str]:
    """What `nginx -t` says of a configuration."""
    command: list[str | Path] = [str(PROGRAM), "-t", "-e", main.with_name("stderr"), "-c", main]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextlib.contextmanager
def running(
    project: Path,
    directory: Path,
    servers: Sequence[str],
    *,
    listen: str = "http",
    trusted: str = "",
    hosts: str = "*",
    live: str = "",
    limited: bool = False,
) -> Iterator[Nginx]:
    """nginx in front of one or two `servers` (host:port) until the block ends.

    What it logs is in `directory`: `stdout` has its access log, `stderr` its errors.
    """
    assert PROGRAM, "nginx is not installed"
    ports = dict(zip(PORTS, processes.free_ports(len(PORTS)), strict=True))
    options = {"listen": listen, "trusted": trusted, "hosts": hosts, "live": live}
    main = configure(project, directory, servers, **options, limited=limited, ports=ports)
    # Its processes may read what the test may: a temporary directory is nobody else's.
    user = "user root; " if os.geteuid() == 0 else ""
    command: list[str | Path] = [PROGRAM, "-e", directory / "stderr", "-c", main, "-g", f"{user}daemon off;"]
    printed = directory / "printed"
    with processes.running(command, printed, lambda: processes.listens(ports["http"]), seconds=10, grace=10) as process:
        yield Nginx(process, directory, ports)


@contextlib.contextmanager
def started(project: Path, directory: Path, servers: Sequence[str]) -> Iterator[str]:
    """Likewise; gives its URL."""
    with running(project, directory, servers) as nginx:
        yield nginx.url
