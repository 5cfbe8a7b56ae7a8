"""A rendered project on one machine: its production stack, deployed by its own scripts, and what clients see of it."""

import contextlib
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.engine import Container, Engine, docker
from tests.owner import replace
from tests.processes import free_ports
from tests.projects import MAIL, Answer, ask
from tests.tools import run

# Answers by which the version shows that gave them.
VERSION = {
    "django": """

@api.get("/version")
def version(request: HttpRequest) -> str:
    return "v1"
""",
    "fastapi": """

@app.get("/api/version")
async def version() -> str:
    return "v1"
""",
}
MAIN = {"django": "api.py", "fastapi": "main.py"}


def show_its_version(project: Path, framework: str) -> None:
    """An endpoint that names the version, as an owner would add one."""
    main = project / "service" / MAIN[framework]
    if framework == "django":
        replace(main, "\nfrom ", "\nfrom django.http import HttpRequest\n\nfrom ")
    main.write_text(main.read_text() + VERSION[framework])


def lift_the_limits(project: Path) -> None:
    """Lets one address ask as often as it likes: all of a test's clients share theirs."""
    for path in (project / "deploy" / "nginx" / "templates").iterdir():
        text = path.read_text()
        path.write_text(
            re.sub(r"rate=\d+r/[sm]", "rate=1000000r/s", text).replace("connections 100;", "connections 1000;")
        )


@dataclass
class Stack:
    """A production stack, and where it answers."""

    project: Path
    framework: str
    image: str
    name: str
    ports: dict[str, int]
    network: str

    @property
    def directory(self) -> Path:
        """Where its scripts are."""
        return self.project / "deploy" / "compose"

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.ports['http']}"

    def script(self, name: str, *arguments: str, code: int = 0) -> str:
        """Runs one of its scripts, from elsewhere, and returns what it printed."""
        return run("bash", self.directory / name, *arguments, cwd=self.project, code=code)

    def compose(self, *arguments: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
        """Runs `docker compose` in its directory, as an operator would."""
        return docker("compose", *arguments, cwd=self.directory, env=dict(env or {}), code=code)

    def output(self, *arguments: str) -> str:
        """Likewise, but only what it printed to stdout."""
        command = ["docker", "compose", *arguments]
        return subprocess.run(command, cwd=self.directory, stdout=-1, stderr=-3, text=True, check=True).stdout

    def container(self, service: str) -> Container:
        """A service's container."""
        return Container(self.output("ps", "--all", "--quiet", service).strip())

    def query(self, sql: str, database: str = "service") -> str:
        """What psql prints for a statement."""
        return self.output(
            *("exec", "-T", "database", "psql", "--username=service", f"--dbname={database}"),
            *("--no-psqlrc", "--tuples-only", "--no-align", f"--command={sql}"),
        ).strip()

    def dump(self) -> str:
        """The database as SQL, without casts in conditions of indexes: a restored index has them in other places."""
        dump = self.output("exec", "-T", "database", "pg_dump", "--username=service", "service")
        lines = [line for line in dump.splitlines(keepends=True) if not line.startswith(("\\restrict", "\\unrestrict"))]
        casts = re.compile(r"::(text|character varying)(\[\])?|[()]")
        return "".join(casts.sub("", line) if line.startswith("CREATE ") else line for line in lines)

    @property
    def table(self) -> str:
        """The name of the items' table."""
        return {"django": "items_item", "fastapi": "items"}[self.framework]

    def items(self) -> int:
        """How many items the database has."""
        return int(self.query(f"SELECT count(*) FROM {self.table}"))  # noqa: S608

    def recorded(self, variable: str) -> str:
        """A variable of its .env."""
        found = re.findall(rf"^{variable}=(.*)$", (self.directory / ".env").read_text(), re.MULTILINE)
        return str(found[-1]) if found else ""

    def get(self, path: str, **headers: str) -> Answer:
        """Asks it."""
        return ask(f"{self.url}{path}", **headers)


def configure(project: Path, framework: str, image: str) -> Stack:
    """Fills in its .env as the documents say. Names, ports and addresses are its own: stacks run side by side."""
    http, https = free_ports(2)
    network = f"10.{200 + http // 256 % 50}.{http % 256}"
    stack = Stack(project, framework, image, f"groundplan-{framework}-{http}", {"http": http, "https": https}, network)
    example = (stack.directory / ".env.example").read_text()
    has_server = "/srv/data" not in (stack.directory / "common.yaml").read_text()  # otherwise SQLite
    variables = {
        "IMAGE": image,
        "ALLOWED_HOSTS": "127.0.0.1",
        **({"DATABASE_PASSWORD": secrets.token_hex(32)} if has_server else {}),
        **({"SECRET_KEY": secrets.token_hex(32)} if framework == "django" else {}),
        **MAIL,
        "HTTP": f"127.0.0.1:{http}",
        "HTTPS": f"127.0.0.1:{https}",
        "NETWORK": network,
        "COMPOSE_PROJECT_NAME": stack.name,
    }
    for name in ("IMAGE", "ALLOWED_HOSTS", *(["DATABASE_PASSWORD"] if has_server else [])):
        assert f"\n{name}=\n" in example
    file = stack.directory / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    file.chmod(0o600)
    return stack


@contextlib.contextmanager
def deployed(stack: Stack, version: str) -> Iterator[Stack]:
    """The stack, with a first version deployed, until the block ends; nothing of it is left."""
    try:
        stack.script("deploy.sh", version)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout=1", env={"VERSION": version})


def build(engine: Engine, project: Path, image: str, version: str) -> None:
    """Builds the image of a version from the project as it is now."""
    engine.build(project, f"{image}:{version}")


def kill(container: Container) -> None:
    """Ends a container's first process as the kernel does when memory is short: `docker kill` would be obeyed."""
    pid = container.state["Pid"]
    image = container.inspect()["Image"]
    options = ("--rm", "--pid=host", "--privileged", "--user=0", "--entrypoint=sh", "--network=none")
    docker("run", *options, image, "-c", f"kill -9 {pid}")


@dataclass
class Watch:
    """What one client was told, one answer after the other."""

    seen: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watch(stack: Stack) -> Iterator[Watch]:
    """Asks for the version all the time until the block ends."""
    watching = Watch()
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.05):
            answer = stack.get("/api/version")
            watching.seen.append(str(answer.json) if answer.status == 200 else str(answer.status))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watching
    finally:
        stop.set()
        thread.join()


def read_or_write(number: int) -> tuple[str, str, object]:
    """Half of the requests change something, and may reach the service only once."""
    if number % 2:
        return "POST", "/api/v1/items", {"name": f"Item {number}", "description": "Something"}
    return "GET", "/api/v1/items?limit=1", None


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Waits until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.1)


def services(file: Path) -> dict[str, dict[str, Any]]:
    """The services of a compose file, also included and extended ones, with anchors filled in and variables not."""
    content = yaml.safe_load(file.read_text())
    found: dict[str, dict[str, Any]] = {}
    for other in content.get("include", ()):
        found |= services(file.with_name(other))
    return found | {name: extended(file, service) for name, service in content["services"].items()}


def extended(file: Path, service: dict[str, Any]) -> dict[str, Any]:
    """A service of a compose file with what it extends."""
    if "extends" not in service:
        return service
    other = file.with_name(service["extends"].get("file", file.name))
    base = extended(other, yaml.safe_load(other.read_text())["services"][service["extends"]["service"]])
    return base | {key: value for key, value in service.items() if key != "extends"}
