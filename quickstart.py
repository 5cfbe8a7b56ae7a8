#!/usr/bin/env python3
"""Create a running service from a fresh clone, or run the tests. Needs git and Python 3.11 or newer.

    python3 quickstart.py [DEST] [options of `groundplan new`]   create a project, start it, show a response
    python3 quickstart.py test [options of pytest]               run Groundplan's tests

Packages are installed into `.venv` here, `.venv` in the project, and uv's cache. Standard library only.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"Groundplan needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundplan import interpreters

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
DEFAULT_DESTINATION = ROOT.parent / "my-service"


def main() -> int:
    """Run the command that the arguments select."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the server is stopped
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if arguments[:1] == ["test"]:
        install()
        return subprocess.run(
            [program(VENV, "python"), "-m", "pytest", "-n", "auto", *arguments[1:]], cwd=ROOT
        ).returncode
    install("--no-group", "validators", "--inexact")  # large, and needed only by tests
    return start_project(arguments)


def install(*options: str) -> None:
    """Install the packages in uv.lock into `.venv`, with the uv version in uv.lock; `options` are for `uv sync`."""
    uv = program(VENV, "uv")
    if not Path(uv).exists():
        say("Installing Groundplan's tools into .venv")
        pip_install(f"uv=={locked('uv')['version']}")
    run([uv, "sync", "--locked", "--quiet", "--python", program(VENV, "python"), *options], cwd=ROOT)


def pip_install(requirement: str) -> None:
    """Create `.venv` and install a package into it, even if Python comes without pip (as on Debian)."""
    with_pip = subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True).returncode == 0
    run([sys.executable, "-m", "venv", "--clear", *([] if with_pip else ["--without-pip"]), str(VENV)])
    pip = ["-m", "pip"]
    if not with_pip:
        wheel = next(wheel for wheel in locked("pip")["wheels"] if wheel["url"].endswith("-none-any.whl"))
        file = VENV / wheel["url"].rpartition("/")[2]
        with urllib.request.urlopen(wheel["url"], timeout=60) as response:
            content = response.read()
        if wheel["hash"] != "sha256:" + hashlib.sha256(content).hexdigest():
            raise SystemExit(f"{wheel['url']} does not match the hash in uv.lock.")
        file.write_bytes(content)
        pip = [str(file / "pip")]
    run([program(VENV, "python"), *pip, "install", "--quiet", "--disable-pip-version-check", requirement])


def locked(package: str) -> dict[str, Any]:
    """Return the entry of a package in uv.lock."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return next(entry for entry in lock["package"] if entry["name"] == package)


def start_project(arguments: list[str]) -> int:
    """Create a project, set it up, start it once and show a response."""
    destination, options = DEFAULT_DESTINATION, arguments
    if arguments and not arguments[0].startswith("-"):
        destination, options = Path(arguments[0]).resolve(), arguments[1:]
    if (destination / ".copier-answers.yml").exists() and not options:
        say(f"Continuing with the project in {destination}")
    elif code := create(destination, options):
        return code

    say("Setting up the project")
    uv, poe = program(VENV, "uv"), program(destination / ".venv", "poe")
    python = {} if (found := interpreters.find()) is None else {"UV_PYTHON": found}
    if not python and "UV_PYTHON" not in os.environ:
        print(
            "There is no Python 3.12 to 3.14 here, so uv downloads one. To use your own, set UV_PYTHON and try again."
        )
    run([uv, "sync", "--locked", "--quiet"], cwd=destination, env=python | os.environ)
    if not (destination / ".git").exists():
        commit(destination)
    run([poe, "--quiet", "migrate"], cwd=destination)

    say("Starting it")
    with served(destination, poe) as url:
        created = show("POST", f"{url}/api/items", {"name": f"Example {os.getpid()}", "quantity": 3})
        show("GET", f"{url}/api/items")
        show("DELETE", f"{url}/api/items/{json.loads(created)['id']}")
    explain(destination, uv, Path(poe).relative_to(destination))
    return 0


def explain(project: Path, uv: str, poe: Path) -> None:
    """Print the next steps."""
    is_django = (project / "manage.py").exists()
    say(f"It works: a {'Django' if is_django else 'FastAPI'} project in {project}, committed to git.")
    print("Its README.md explains how to work on it.")
    if shutil.which("uv") is None:
        print("That needs uv on your PATH: https://docs.astral.sh/uv/getting-started/installation/")
        print(f"Until then, use {uv}.")
    if is_django:
        print(f"For http://127.0.0.1:8000/admin/, first create a user in that directory: {poe} manage createsuperuser")
    print("This command serves it on http://127.0.0.1:8000, with documentation of the API on /api/docs:")
    print(f"cd {shlex.quote(str(project))} && {poe} run")


def create(destination: Path, options: list[str]) -> int:
    """Write the project, asking questions if there is a terminal, and return the exit code."""
    if not sys.stdin.isatty():
        answered = any(option.startswith(("--preset", "--answers", "--data")) for option in options)
        options = ["--defaults", *([] if answered else ["--preset", "rest_api"]), *options]
    return subprocess.run([program(VENV, "groundplan"), "new", str(destination), "--quiet", *options]).returncode


def commit(project: Path) -> None:
    """Commit the project as rendered, as a base for updates."""
    run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=project)
    run(["git", "add", "--all"], cwd=project)
    known = subprocess.run(["git", "config", "user.email"], cwd=project, capture_output=True).returncode == 0
    identity = [] if known else ["-c", "user.name=Groundplan", "-c", "user.email=groundplan@localhost"]
    run(["git", *identity, "commit", "--quiet", "--message", "Start from Groundplan"], cwd=project)


@contextlib.contextmanager
def served(project: Path, poe: str) -> Iterator[str]:
    """Run the project's `poe run` on a free port until the block ends, and yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = project / ".venv" / "quickstart.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [poe, "--quiet", "run"],
            cwd=project,
            env=os.environ | {"PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/health/ready", timeout=2).close()
                break
            except (OSError, urllib.error.URLError):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"The project did not start:\n{log.read_text(errors='replace')}") from None
                time.sleep(0.1)
        yield url
    finally:
        if server.poll() is None:
            if hasattr(os, "killpg"):  # the reloader has children
                os.killpg(server.pid, signal.SIGTERM)
            else:
                server.terminate()
            server.wait(timeout=30)


def show(method: str, url: str, body: dict[str, Any] | None = None) -> str:
    """Send a request, print it with its response, and return the body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    print(f"  {method} {url} {data.decode() if data else ''}")
    with urllib.request.urlopen(request, timeout=10) as response:
        content: str = response.read().decode()
    print(f"  {response.status} {content}")
    return content


def program(environment: Path, name: str) -> str:
    """Return the path of a program in a virtual environment."""
    return str(environment / ("Scripts" if os.name == "nt" else "bin") / (f"{name}.exe" if os.name == "nt" else name))


def run(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run one step of the setup. If it fails, its own output explains why."""
    if subprocess.run(command, cwd=cwd, env=env).returncode:
        raise SystemExit(f"This step failed: {' '.join(command)}")


def say(text: str) -> None:
    """Print a progress message."""
    print(f"\n==> {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
