#!/usr/bin/env python3
"""Create a running service from a fresh clone, or run the tests. Needs git and Python 3.11 or newer.

    python3 quickstart.py [DEST] [OPTIONS]        create a project, start it, show a response
    python3 quickstart.py test [PYTEST OPTIONS]   run Groundplan's tests

DEST is the project's directory; the default is my-service, next to this clone. Run it again to continue.

Options:
    --framework NAME    django or fastapi, regardless of the recommendation
    --preset NAME       start with the answers of a preset, such as cms or rest_api (see presets/)
    --data KEY=VALUE    answer one question; can be repeated
    --answers FILE      read answers from a YAML file
    --defaults          ask nothing, and use defaults
    --template SRC      use this git URL or clone of the template
    --ref REF           a tag, branch or commit of the template
    --overwrite         write into a directory that is not empty, and overwrite files
    --verbose           print the name of each file

Packages are installed into `.venv` here, `.venv` in the project, and uv's cache. Standard library only.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"Groundplan needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

import contextlib
import hashlib
import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from groundplan import interpreters
from groundplan.project import in_repository

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
DEFAULT_DESTINATION = ROOT.parent / "my-service"
FRAMEWORKS = {"django": "Django", "fastapi": "FastAPI", "neither": "neither of them"}
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy would look for the service elsewhere
ACCOUNT = ("dev@example.com", "for-development")  # which `poe seed` creates
CREATING = "Creating the project"
PYTHON_MISSING = (
    "Install Python 3.12 to 3.14, for instance from https://www.python.org/downloads/ or with your package manager,\n"
    "or set UV_PYTHON to the path of one. Then run this again."
)
NETWORK = "This step downloads packages. Check the network (behind a proxy, set HTTPS_PROXY), and run this again."
STEPS: list[str] = []  # the last one is not finished


class Interrupted(BaseException):
    """A signal asks this program to stop; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main() -> int:
    """Run the command that the arguments select."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    for stream in (sys.stdout, sys.stderr):  # escape characters that the terminal cannot show
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as below nohup
            signal.signal(number, interrupt)
    try:
        if arguments[:1] == ["test"]:
            install()
            say("Running the tests")
            command = [program(VENV, "python"), "-m", "pytest", "-n", "auto", *arguments[1:]]
            with running(command, alone=False) as tests:
                return tests.wait()
        install("--no-group", "validators", "--inexact")  # large, and needed only by tests
        return start_project(arguments)
    except Interrupted as stop:
        *done, current = STEPS or ["Checking what is installed"]
        print(f"\nStopped during this step: {current}.", file=sys.stderr)
        if done:
            print(f"Already finished: {', '.join(done)}.", file=sys.stderr)
        destination, _ = parsed(arguments)
        written = (destination / ".copier-answers.yml").exists()
        if current == CREATING and written:
            print(f"Written to {destination}; delete it to answer again.", file=sys.stderr)
        how = "continue" if current != CREATING or written else "start again"
        print(f"To {how}, run: {shlex.join(['python3', *sys.argv])}", file=sys.stderr)
        return stop.code


def interrupt(number: int, _: object) -> NoReturn:
    """Let programs that run be ended, and ignore further signals until then."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    if STEPS[-1:] == [CREATING]:
        with contextlib.suppress(OSError):
            os.write(2, b"\nStopping. A project that is being written is finished first.\n")
    raise Interrupted(128 + number)


def install(*options: str) -> None:
    """Install the packages in uv.lock into `.venv`, with the uv version in uv.lock; `options` are for `uv sync`."""
    uv, python = program(VENV, "uv"), program(VENV, "python")
    complete = not mark(VENV).exists() and works(uv, "--version") and works(python, "-c", "")
    if not complete:
        say("Installing Groundplan's tools into .venv", "about 30 s, once")
        pip_install(f"uv=={locked('uv')['version']}")
    with unfinished(VENV):
        run([uv, "sync", "--locked", "--quiet", "--python", python, *options], cwd=ROOT, advice=NETWORK)


def pip_install(requirement: str) -> None:
    """Create `.venv` and install a package into it, even if Python comes without pip (as on Debian)."""
    with_pip = works(sys.executable, "-c", "import ensurepip")
    run([sys.executable, "-m", "venv", "--clear", *([] if with_pip else ["--without-pip"]), str(VENV)])
    pip = ["-m", "pip"]
    if not with_pip:
        wheel = next(wheel for wheel in locked("pip")["wheels"] if wheel["url"].endswith("-none-any.whl"))
        file = VENV / wheel["url"].rpartition("/")[2]
        try:
            with urllib.request.urlopen(wheel["url"], timeout=60) as response:
                content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise SystemExit(f"{wheel['url']} cannot be fetched: {error}\n{NETWORK}") from None
        if wheel["hash"] != "sha256:" + hashlib.sha256(content).hexdigest():
            raise SystemExit(f"{wheel['url']} does not match the hash in uv.lock.")
        file.write_bytes(content)
        pip = [str(file / "pip")]
    command = [program(VENV, "python"), *pip, "install", "--quiet", "--disable-pip-version-check", requirement]
    run(command, advice=NETWORK)


def locked(package: str) -> dict[str, Any]:
    """Return the entry of a package in uv.lock."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return next(entry for entry in lock["package"] if entry["name"] == package)


def mark(environment: Path) -> Path:
    """Return the file that exists while packages are installed into a virtual environment."""
    return environment / "unfinished"


@contextlib.contextmanager
def unfinished(environment: Path) -> Iterator[None]:
    """Mark a virtual environment until the block ends: a killed uv leaves half-installed packages."""
    mark(environment).touch()
    yield
    mark(environment).unlink()


def parsed(arguments: list[str]) -> tuple[Path, list[str]]:
    """Return the directory of the project, and the options."""
    if arguments and not arguments[0].startswith("-"):
        return Path(os.path.realpath(arguments[0])), arguments[1:]
    return DEFAULT_DESTINATION, arguments


def start_project(arguments: list[str]) -> int:
    """Create a project, set it up, start it once and show a response. Skips what is already done."""
    destination, options = parsed(arguments)
    if not (destination / ".copier-answers.yml").exists():
        say(CREATING)
        code = create(destination, options)
        if code or not (destination / ".copier-answers.yml").exists():  # as with --help
            return code  # after Ctrl+C, the questionnaire has said how to continue
    else:
        say(f"Continuing with the project in {destination}")
        if options:
            print(f"It exists, so these options have no effect: {shlex.join(options)}.")
            print("For a new project, choose another directory.")
    answers = recorded(destination)

    uv, poe = program(VENV, "uv"), program(destination / ".venv", "poe")
    install_project(destination, uv)
    where = commit(destination)
    say("Preparing the database")
    run([poe, "--quiet", "migrate"], cwd=destination)
    if answers.get("auth") == "jwt":
        run([poe, "--quiet", "seed"], cwd=destination)

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    say("Starting the service, for one request", "about 5 s")
    with served(destination, poe, port):
        show_response(url, answers)
    explain(destination, answers, where, url, uv, Path(poe).relative_to(destination))
    return 0


def install_project(project: Path, uv: str) -> None:
    """Install the packages in the project's lock file into its `.venv`."""
    say("Installing the project's packages", "about 20 s the first time")
    environment = project / ".venv"
    python = {} if (found := interpreters.find()) is None else {"UV_PYTHON": found}
    if not python and "UV_PYTHON" not in os.environ:
        print("No Python 3.12 to 3.14 was found, so uv downloads one.\nTo use your own, set UV_PYTHON and try again.")
    variables = python | os.environ
    if mark(environment).exists() or not works(program(environment, "python"), "-c", ""):
        advice = "" if python else PYTHON_MISSING
        run([uv, "venv", "--clear", "--quiet"], cwd=project, env=variables, advice=advice)
    with unfinished(environment):
        run([uv, "sync", "--locked", "--quiet"], cwd=project, env=variables, advice=NETWORK)


def recorded(project: Path) -> dict[str, Any]:
    """Return the answers that a project was made from, read by Groundplan's YAML parser."""
    file = project / ".copier-answers.yml"
    parse = (
        "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8')), default=str))"
    )
    read = subprocess.run([program(VENV, "python"), "-c", parse, file], capture_output=True, text=True)
    answers = json.loads(read.stdout) if read.returncode == 0 else None
    if not isinstance(answers, dict) or answers.get("framework") not in FRAMEWORKS:
        raise SystemExit(f"{project} is not a Groundplan project: {file.name} names no framework.")
    return answers


def verdict(answers: Mapping[str, Any]) -> str:
    """Return the framework, and by how much it won."""
    framework, decision = FRAMEWORKS[answers["framework"]], answers.get("decision")
    if not isinstance(decision, dict):
        return framework
    scores = decision["scores"]
    points = f"{max(scores.values())} points to {min(scores.values())}"
    if decision["recommended"] == answers["framework"]:
        return f"{framework}, by {points}"
    favoured = FRAMEWORKS[decision["recommended"]]
    points = f", by {points}" if decision["recommended"] in scores else ""
    return f"{framework}, although the answers favour {favoured}{points}"


def explain(project: Path, answers: Mapping[str, Any], where: str, url: str, uv: str, poe: Path) -> None:
    """Print what was chosen and written, its addresses and the next commands."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=project, capture_output=True, text=True).stdout
    files = f"{count} files, " if (count := listed.count("\0")) else ""
    is_django = answers["framework"] == "django"
    has_admin = answers.get("admin", "none") != "none"
    run_it = f"{poe} run" if url.endswith(f":{usual_port()}") else f"PORT={url.rpartition(':')[2]} {poe} run"
    say(f"It works: {verdict(answers)}")
    print(f"Written to {project}:")
    print(f"  {files}{where}. README.md explains them.")
    if shutil.which("uv") is None:
        print("The README's commands need uv. Install it, or use the copy in this clone:")
        print(f"  https://docs.astral.sh/uv/getting-started/installation/\n  {uv}")
    print("\nNext:")
    commands = [
        (f"cd {shlex.quote(str(project))}", ""),
        *([(f"{poe} manage createsuperuser", "create the first administrator")] if has_admin and is_django else []),
        (run_it, "serve it, until Ctrl+C"),
        *([] if is_django else [(f"{poe} check", "run its tests and checks")]),
    ]
    width = max(len(command) for command, about in commands if about)
    for command, about in commands:
        print(f"  {command:{width}}  # {about}" if about else f"  {command}")
    print("\nThen open:")
    pages = [("/", "home page")]
    if answers.get("api") != "none":
        pages.append(("/api/docs", "API documentation"))
    for path, about in [*pages, *([("/admin/", "admin")] if has_admin else [])]:
        print(f"  {url + path:31}  {about}")
    if answers.get("auth") == "jwt":
        aim = "change data or use the admin" if has_admin else "change data"
        print(f"\nTo {aim}, log in as {ACCOUNT[0]} with the password {ACCOUNT[1]}.")


def create(destination: Path, options: list[str]) -> int:
    """Write the project, asking questions if there is a terminal, and return the exit code."""
    if not sys.stdin.isatty():
        if not any(option.startswith(("--preset", "--answers", "--data", "--framework")) for option in options):
            if all(option.partition("=")[0] in (__doc__ or "") for option in options if option.startswith("--")):
                print("There is no terminal for questions, so the preset rest_api answers them.")
            options = ["--preset", "rest_api", *options]
        options = ["--defaults", *options]
    command = [program(VENV, "groundplan"), "new", "--quiet", *options, "--", str(destination)]
    again = os.environ | {"GROUNDPLAN_NEW": shlex.join(["python3", sys.argv[0]])}  # how to continue after Ctrl+C
    with running(command, env=again, alone=False) as new:
        return new.wait()


def commit(project: Path) -> str:
    """Commit the project as rendered, as a base for updates, and return where it is now.

    A commit that exists is enough. In a larger repository, its owners commit it.
    """

    def succeeds(*arguments: str) -> bool:
        return works("git", "-C", str(project), *arguments)

    own = (project / ".git").exists()
    if not own and in_repository(project) and not project.is_relative_to(ROOT):
        return "to be committed in the repository around it"
    if own and succeeds("rev-parse", "--verify", "--quiet", "HEAD"):
        return "committed to git"
    say("Committing it to git")
    run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=project)
    (project / ".git" / "index.lock").unlink(missing_ok=True)  # of a git that was killed before the first commit
    run(["git", "add", "--all"], cwd=project)
    identity = (
        []
        if succeeds("config", "user.email")
        else ["-c", "user.name=Groundplan", "-c", "user.email=groundplan@localhost"]
    )
    run(["git", *identity, "commit", "--quiet", "--message", "Start from Groundplan"], cwd=project)
    return "committed to git"


def usual_port() -> int:
    """Return the port on which `poe run` serves."""
    port = os.environ.get("PORT", "")
    return int(port) if port.isdecimal() and 0 < int(port) < 65_000 else 8000


def free_port() -> int:
    """Return the port on which `poe run` serves, or the next free one."""
    first = usual_port()
    for port in range(first, first + 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port != first:
                print(f"Port {first} is taken, so this uses {port}.")
            return port
    raise SystemExit(f"The ports {first} to {first + 99} are taken. Set PORT to a free one, and run this again.")


@contextlib.contextmanager
def running(
    command: list[str],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    output: Any = None,
    alone: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends, and end it then, with the programs that it started.

    `alone` gives it a session of its own, without the terminal and its Ctrl+C.
    """
    alone = alone and hasattr(os, "killpg")  # not on Windows
    given = subprocess.DEVNULL if alone else None
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=given, stdout=output, stderr=output, start_new_session=alone
    )
    try:
        yield process
    except Interrupted as stop:
        if not alone and stop.code == 128 + signal.SIGINT:  # the program has got the terminal's Ctrl+C, too
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM) if alone else process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL) if alone else process.kill()
        process.wait()


@contextlib.contextmanager
def served(project: Path, poe: str, port: int) -> Iterator[None]:
    """Run the project's `poe run` on a port until the block ends."""
    with tempfile.TemporaryFile("a+b") as log:
        command = [poe, "--quiet", "run"]
        with running(command, cwd=project, env=os.environ | {"PORT": str(port)}, output=log) as server:
            deadline = time.monotonic() + 60
            while True:
                try:
                    LOCAL.open(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
                    break
                except (OSError, http.client.HTTPException):
                    if server.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit(f"The project did not start:\n{text_of(log)}") from None
                    time.sleep(0.1)
            yield


def show_response(url: str, answers: dict[str, Any]) -> None:
    """Create an example, delete it, and show the API's responses; only list examples if changes need a browser."""
    auth = answers.get("auth", "none")
    if answers.get("api") == "none":
        return
    items = f"{url}{path_of_items(url)}"
    if auth == "oidc" or answers.get("login", "none") != "none":
        show("GET", items)
        return
    token = log_in(url) if auth == "jwt" else ""
    created = show("POST", items, {"name": f"Example {os.getpid()}", "quantity": 3}, token)
    if isinstance(created, dict) and "id" in created:
        show("DELETE", f"{items}/{created['id']}", token=token)


def path_of_items(url: str) -> str:
    """Return the path of the items, which older projects have elsewhere."""
    try:
        with LOCAL.open(f"{url}/api/openapi.json", timeout=10) as response:
            paths = json.load(response)["paths"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        paths = {}
    return next((path for path in ("/api/v1/items", "/api/items") if path in paths), "/api/v1/items")


def log_in(url: str) -> str:
    """Return a token of the account for development, or "" if its owners have changed it."""
    form = {"grant_type": "password", "username": ACCOUNT[0], "password": ACCOUNT[1]}
    try:
        with LOCAL.open(f"{url}/api/token", urllib.parse.urlencode(form).encode(), timeout=10) as response:
            return str(json.load(response)["access_token"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return ""


def show(method: str, url: str, body: dict[str, Any] | None = None, token: str = "") -> Any:
    """Send a request, print it with its response, and return the response's JSON, or None."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data, headers, method=method)
    print(f"\n  {method} {url}")
    if body is not None:
        print(f"  {json.dumps(body)}")
    try:
        with LOCAL.open(request, timeout=10) as response:
            status, reason, content = response.status, response.reason, response.read()
    except urllib.error.HTTPError as error:  # its owners may have changed the API
        with error:
            status, reason, content = error.code, error.reason, error.read()
    except (OSError, http.client.HTTPException) as error:
        print(f"  no response: {error}")
        return None
    print(f"  -> {status} {reason}")
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    lines = json.dumps(answer, indent=2, ensure_ascii=False).splitlines()
    print("\n".join(f"  {line}" for line in [*lines[:12], *(["..."] if len(lines) > 12 else [])]))
    return answer


def program(environment: Path, name: str) -> str:
    """Return the path of a program in a virtual environment."""
    return str(environment / ("Scripts" if os.name == "nt" else "bin") / (f"{name}.exe" if os.name == "nt" else name))


def works(*command: str) -> bool:
    """Return whether a program exists and succeeds."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def run(command: list[str], cwd: Path = ROOT, env: Mapping[str, str] | None = None, advice: str = "") -> None:
    """Run one step of the setup. If it fails, show its output, which explains why, and the advice."""
    with tempfile.TemporaryFile("a+b") as log, running(command, cwd=cwd, env=env, output=log) as process:
        if process.wait():
            raise SystemExit("\n".join([f"{text_of(log)}This step failed: {shlex.join(command)}", advice]).rstrip())


def text_of(log: Any) -> str:
    """Return what was written to a file."""
    log.seek(0)
    text: str = log.read().decode(errors="replace")
    return text


def say(text: str, time_needed: str = "") -> None:
    """Print which step begins, and how long it takes."""
    STEPS.append(text)
    print(f"\n==> {text}{f' ({time_needed})' if time_needed else ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
