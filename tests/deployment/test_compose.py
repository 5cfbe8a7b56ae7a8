"""A project on one machine: its development stack, and its production stack through failures."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import pytest
import yaml

from tests.deployment import stacks
from tests.deployment.cluster import THREADS
from tests.deployment.engine import Engine, docker
from tests.deployment.stacks import Stack, read_or_write, services, until
from tests.load import load
from tests.owner import replace
from tests.processes import free_port
from tests.projects import MAIL, ask
from tests.tools import FRAMEWORKS, render, run

pytestmark = [pytest.mark.slow, pytest.mark.option("compose")]
BIN = Path(sys.executable).parent
SCRIPTS = ("deploy.sh", "backup.sh", "restore.sh")
CLIENTS = 8
SUBJECT = ("-nodes", "-subj", "/CN=service.example.com")


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"compose-{name}")) for name in FRAMEWORKS],
)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(framework: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(framework) / "service"
    return render(template, path, framework=framework, slug="service", target=["compose"])


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    shutil.copytree(project, tmp_path / "service")
    return tmp_path / "service"


# Its files


def check(*command: str | Path) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def schema(file: Path) -> int:
    return check(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


def shellcheck(project: Path) -> int:
    scripts = sorted((project / "deploy" / "compose").glob("*.sh"))
    return check(BIN / "shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--severity=style", *scripts)


def yamllint(file: Path) -> int:
    return check(
        BIN / "yamllint", "--strict", "--config-data", "{extends: relaxed, rules: {line-length: disable}}", file
    )


FILES = ("compose.yaml", "deploy/compose/compose.yaml")


def production(project: Path) -> str:
    """The text of all files that describe the production stack."""
    return "".join(path.read_text() for path in sorted((project / "deploy/compose").glob("*.yaml")))


@pytest.mark.parametrize("name", FILES)
def test_compose_files_are_valid_and_a_broken_one_is_not(copy: Path, name: str) -> None:
    file = copy / name
    for path in sorted(file.parent.glob("*.yaml")):
        assert (schema(path), yamllint(path)) == (0, 0), path.name
    replace(file, "    depends_on:", "    depend_on:")
    assert schema(file) != 0


def test_scripts_are_clean_and_a_broken_one_is_not(copy: Path) -> None:
    assert shellcheck(copy) == 0
    replace(copy / "deploy/compose/backup.sh", '"$directory"', "$directory")
    assert shellcheck(copy) != 0


def test_scripts_explain_themselves(project: Path) -> None:
    for script in SCRIPTS:
        assert f"Usage: bash {script}" in run("bash", project / "deploy/compose" / script, "--help")


def test_scripts_say_what_is_missing(project: Path) -> None:
    for script in SCRIPTS:
        assert "copy .env.example to it" in run("bash", project / "deploy/compose" / script, code=1)


@pytest.mark.parametrize("written", ["it's 7", '"it\'s 7"', "'it's 7'"])
def test_scripts_read_values_with_and_without_quotes(copy: Path, written: str) -> None:
    (copy / "deploy/compose/.env").write_text(f"BACKUPS_KEPT={written}\n")
    read = run("bash", "-c", ". ./common.sh; recorded BACKUPS_KEPT", cwd=copy / "deploy/compose")
    assert read == "it's 7\n"


def test_every_variable_is_documented_and_read(project: Path) -> None:
    """What the compose file or a script asks for stands in the example, and what stands there is asked for."""
    directory = project / "deploy" / "compose"
    text = re.sub(r"#.*", "", production(project))
    asked = set(re.findall(r"(?<!\$)\$\{?([A-Z_]+)", text))
    for script in SCRIPTS:
        asked |= set(re.findall(r"recorded ([A-Z_]+)", (directory / script).read_text()))
    example = (directory / ".env.example").read_text()
    documented = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    written = {"VERSION", "PREVIOUS_VERSION", "MIGRATED_VERSION", "NGINX_FILES"}  # by deploy.sh
    assert all(name in example for name in written)
    environment = "".join(path.read_text() for path in project.glob("service/core/environment.py"))
    own = {name for name in documented if name.lower() in environment} | {"SECRET_KEY", *MAIL}
    assert asked - written == documented - (own - asked)
    # The defaults that it tells are those that hold.
    for name, default in re.findall(r"^#([A-Z_]+)=(\S+)", example, re.MULTILINE):
        if name in asked and (found := set(re.findall(rf"\${{{name}:-([^}}]*)}}", text))):
            assert found == {default}


def test_a_missing_variable_is_named(copy: Path) -> None:
    directory = copy / "deploy/compose"
    required = dict(re.findall(r"\${([A-Z_]+):\?([^}]+)}", production(copy)))
    assert {"ALLOWED_HOSTS", "DATABASE_PASSWORD", "IMAGE", "VERSION"} <= set(required)
    command = ["docker", "compose", "config", "--quiet"]
    for missing in [None, *sorted(required)]:
        (directory / ".env").write_text("".join(f"{name}=given\n" for name in sorted(required) if name != missing))
        printed = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if missing is None:
            assert printed.returncode == 0, printed.stderr
        else:
            assert printed.returncode != 0
            assert f"variable {missing} is missing a value: {required[missing]}" in printed.stderr


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
@pytest.mark.parametrize(("days", "expected"), [(6, True), (8, False)])
def test_a_certificate_that_expires_soon_is_reported(copy: Path, days: int, *, expected: bool) -> None:
    directory = copy / "deploy" / "compose"
    (directory / "certificates").mkdir()
    certificate = ("-keyout", os.devnull, "-out", directory / "certificates" / "fullchain.pem", "-days", f"{days}")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *certificate, *SUBJECT)
    (directory / ".env").write_text("IMAGE=x\n")  # the script stops after the check: more is required
    printed = run("bash", directory / "deploy.sh", "v1", code=1)
    assert ("fullchain.pem has expired or will within a week" in printed) is expected


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (1, 0), (2, 2)])
def test_output_that_the_engine_loses_once_spoils_no_backup(
    copy: Path, framework: str, tmp_path: Path, lost: int, code: int
) -> None:
    if framework != "django":
        pytest.skip("only Django has uploaded files")
    engine = tmp_path / "bin" / "docker"  # prints nothing the first times, and succeeds nevertheless
    engine.parent.mkdir()
    engine.write_text(
        f"#!/bin/sh\necho >>{tmp_path}/runs\n[ $(wc -l <{tmp_path}/runs) -le {lost} ] || tar --create .\n"
    )
    engine.chmod(0o755)
    script = f'. deploy/compose/files.sh; files backup "{tmp_path}"'
    run("bash", "-c", script, cwd=copy, env={"PATH": f"{engine.parent}:{os.environ['PATH']}"}, code=code)
    assert (tmp_path / "runs").read_text().count("\n") == min(lost + 1, 2)
    if code == 0:
        assert "./deploy/compose/files.sh" in run("tar", "--list", f"--file={tmp_path / 'media.tar'}")


def test_every_service_has_limits_and_a_version(project: Path) -> None:
    for name, service in services(project / "deploy/compose/compose.yaml").items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert all("size=" in place for place in service.get("tmpfs", ())), name
        tag = service["image"].rpartition(":")[2] if "$" not in service["image"] else "$VERSION"
        assert tag != "latest", name
        assert tag == "$VERSION" or re.search(r"\d", tag), name


def test_nobody_but_the_service_reaches_the_database(project: Path) -> None:
    file = yaml.safe_load((project / "deploy/compose/compose.yaml").read_text())
    assert file["networks"]["database"]["internal"]
    found = services(project / "deploy/compose/compose.yaml")
    on_it = {name for name, service in found.items() if "database" in (service.get("networks") or {})}
    assert on_it == {"database", "migrate", "web-a", "web-b"}
    assert [name for name, service in found.items() if "ports" in service] == ["nginx"]


def test_instances_leave_connections_for_others(project: Path, framework: str) -> None:
    """While one instance is replaced there is no third; a migration and people need some, too."""
    found = services(project / "deploy/compose/compose.yaml")
    (connections,) = re.findall(r"max_connections=(\d+)", found["database"]["command"])
    text = (project / "service/core/environment.py").read_text()
    (pool,) = re.findall(r"database_pool_size: int = Field\(default=(\d+)", text)
    file = production(project)
    (pool,) = re.findall(r"DATABASE_POOL_SIZE:-(\d+)", file) or (pool,)
    (workers,) = re.findall(r"WEB_CONCURRENCY:-(\d+)", file)
    instances = [name for name in found if name.startswith("web-")]
    assert framework != "django" or int(pool) > THREADS  # the probe needs one, too
    assert len(instances) * int(workers) * (int(pool) + 1) <= int(connections) - 20
    example = (project / "deploy/compose/.env.example").read_text()
    assert f"#DATABASE_POOL_SIZE={pool}\n" in example
    assert f"PostgreSQL allows {connections} in total" in example


def test_a_project_has_only_what_its_framework_needs(project: Path, framework: str) -> None:
    files = [project / "Dockerfile", *(project / "deploy").rglob("*"), *(project / "docs").glob("o*-*.md")]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    for word in ("/srv/media", "/srv/static", "SECRET_KEY", "manage.py", "MEDIA_ROOT"):
        assert (word in text) == (framework == "django"), word
    assert "both frameworks" not in text


def test_scripts_are_few(project: Path) -> None:
    lines = [line for path in (project / "deploy").rglob("*.sh") for line in path.read_text().splitlines()]
    assert len(lines) <= 500


# Development


@dataclass(frozen=True)
class Development:
    """The development stack of a copy of the project."""

    path: Path
    port: int
    owner: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """What its containers are called after."""
        return f"groundplan-development-{self.port}"

    def compose(self, *arguments: str) -> str:
        """Runs `docker compose` in the project."""
        variables = {"PORT": str(self.port), "USER_ID": str(self.owner), "GROUP_ID": str(self.owner)}
        return docker("compose", *arguments, cwd=self.path, env={"COMPOSE_PROJECT_NAME": self.name} | variables)


@pytest.fixture(scope="module")
def development(project: Path, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    """`docker compose up`, in a project that root does not own."""
    path = tmp_path_factory.mktemp("development") / "service"
    shutil.copytree(project, path)
    port = free_port()
    stack = Development(path, port, os.getuid() or 1000)
    if os.getuid() == 0:
        for file in (path, *path.rglob("*")):
            shutil.chown(file, stack.owner, stack.owner)
    try:
        stack.compose("up", "--detach", "--build")
        until(lambda: answers(f"{stack.url}/health/ready"))
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout=1")
        engine.run("rmi", "--force", f"{stack.name}:development")


def answers(url: str) -> bool:
    try:
        return ask(url).status == 200
    except (OSError, HTTPException):
        return False


def test_development_is_one_command_with_data_and_reloads(development: Development, framework: str) -> None:
    url = development.url
    assert {item["name"] for item in ask(f"{url}/api/v1/items").json["results"]} == {"Chair", "Lamp", "Table"}
    assert ask(f"{url}/api/version").status == 404
    stacks.show_its_version(development.path, framework)
    until(lambda: answers(f"{url}/api/version"))


def test_development_runs_commands_on_postgresql_as_the_owner(development: Development, framework: str) -> None:
    poe = ("run", "--rm", "-T", "web", "poe", "--executor", "simple")
    assert re.search(r"\d\d passed", development.compose(*poe, "test", "-k", "seed or test_items"))
    development.compose(*poe, "lint")
    replace(development.path / "service/items/models.py", "1000", "2000")
    development.compose(*poe, "migrations", *(["longer"] if framework == "fastapi" else []))
    (written,) = (file for file in development.path.rglob("*igrations/**/*.py") if "2000" in file.read_text())
    assert {file.stat().st_uid for file in development.path.rglob("*")} == {development.owner}
    assert "2000" in written.read_text()


# Production


@pytest.fixture(scope="module")
def stack(framework: str, project: Path, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The production stack, deployed by its script."""
    path = tmp_path_factory.mktemp("production") / "service"
    shutil.copytree(project, path)
    stacks.show_its_version(path, framework)
    stacks.lift_the_limits(path)
    image = f"groundplan-compose-{framework}-{path.parent.parent.name}"
    stacks.build(engine, path, image, "v1")
    engine.run("tag", f"{image}:v1", f"{image}:v2")  # the same, so that each can follow the other
    try:
        with stacks.deployed(stacks.configure(path, framework, image), "v1") as running:
            yield running
    finally:
        engine.run("rmi", "--force", f"{image}:v1", f"{image}:v2")


def other(stack: Stack) -> str:
    """The version that is not deployed."""
    return {"v1": "v2", "v2": "v1"}[stack.recorded("VERSION")]


def test_it_answers_through_nginx_and_keeps_to_itself_what_is_not_public(stack: Stack) -> None:
    assert stack.get("/api/v1/items").json["total"] >= 0
    assert stack.get("/health/live").status == 200
    for path in ("/health/ready", "/metrics"):
        assert stack.get(path).status == 404
    assert docker("port", stack.container("nginx").id).count("8080") == 1
    for service in ("web-a", "web-b", "database"):
        assert docker("port", stack.container(service).id) == ""
    # The service trusts only nginx, not other clients.
    assert stack.container("web-a").execute("printenv", "FORWARDED_ALLOW_IPS").strip() == f"{stack.network}.10"
    (network,) = stack.container("database").inspect()["NetworkSettings"]["Networks"].values()
    address = network["IPAddress"]
    knock = ("timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/5432")
    stack.container("web-a").execute(*knock)
    beside_nginx = ("run", "--rm", f"--network=container:{stack.container('nginx').id}", f"{stack.image}:v1")
    assert docker(*beside_nginx, "sh", "-c", f"{shlex.join(knock)} 2>/dev/null || echo none").strip() == "none"


def test_the_service_is_no_superuser_of_its_database_and_cannot_become_one(stack: Stack) -> None:
    assert stack.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "f"
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = '{}'"
    assert stack.query(owner.format(stack.table)) == "service"
    as_superuser = (
        "import os, psycopg; "
        "psycopg.connect(os.environ['DATABASE_URL'].replace('//service:', '//postgres:'), connect_timeout=5)"
    )
    printed = stack.container("web-a").execute("python", "-c", as_superuser, code=1)
    assert 'password authentication failed for user "postgres"' in printed


def test_prometheus_reaches_every_part(stack: Stack) -> None:
    """From this machine, as the documents have it, though none of these ports is published."""
    example = yaml.safe_load((stack.project / "deploy/prometheus/prometheus.yml").read_text())
    service, nginx = (job["static_configs"][0]["targets"] for job in example["scrape_configs"])
    assert (len(service), len(nginx)) == (2, 1)
    for target, metric in [
        *((each, "http_server_active_requests") for each in service),
        (nginx[0], "nginx_connections"),
    ]:
        answer = ask(f"http://{target.replace('10.231.83', stack.network)}/metrics")
        assert metric in answer.body.decode()


def test_it_serves_files(stack: Stack, framework: str) -> None:
    if framework == "django":
        stack.container("web-a").execute("sh", "-c", "echo picture > /srv/media/picture.png")
        answer = stack.get("/media/picture.png")
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/png", b"picture\n")
        page = stack.get("/").body.decode()
        (path,) = re.findall(r'href="(/static/style\.\w+\.css)"', page)
        answer = stack.get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css")
        assert "immutable" in answer.headers["Cache-Control"]
        assert "X-Request-ID" not in answer.headers  # nginx has it, and did not ask


def test_containers_are_as_restricted_as_the_file_says(stack: Stack) -> None:
    for service in ("nginx", "web-a", "web-b", "database"):
        details = stack.container(service).inspect()
        host = details["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert host["Memory"] > 0, service
        assert host["NanoCpus"] > 0, service
        assert host["PidsLimit"] > 0, service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert stack.container(service).execute("id", "-u").strip() != "0", service


def test_starting_it_again_by_hand_changes_nothing(stack: Stack) -> None:
    before = {service: stack.container(service).id for service in ("nginx", "web-a", "web-b", "database")}
    for service in before:  # Compose before 2.30 takes what was made without dependencies for something else
        stack.compose("up", "--detach", "--no-deps", service)
    assert {service: stack.container(service).id for service in before} == before
    assert {stack.container(service).inspect()["RestartCount"] for service in before} == {0}


def test_what_was_stopped_by_hand_starts_again(stack: Stack) -> None:
    """With `up`: the container of the migrations, which `start` asks for, is gone."""
    stack.compose("restart", "web-a")
    stack.compose("stop")
    stack.compose("up", "--detach")
    until(lambda: answers(f"{stack.url}/api/v1/items"))


def test_a_killed_instance_costs_no_more_than_what_it_held_and_comes_back(stack: Stack) -> None:
    before = stack.items()
    with load(stack.url, tagged("killed"), clients=CLIENTS) as clients:
        clients.wait_for(200)
        stacks.kill(stack.container("web-a"))
        clients.wait_for(200)
        until(lambda: stack.container("web-a").state["Health"]["Status"] == "healthy")
        clients.wait_for(200)
    print(f"killed instance: {Counter((o.method, o.status, o.error) for o in clients.outcomes)}")
    # Other requests are sent to the other instance, unless the answer's first bytes had reached the client.
    assert [o for o in clients.failures if o.method != "POST" and not o.error.startswith("IncompleteRead")] == []
    assert len(clients.failures) <= CLIENTS
    assert stack.container("web-a").inspect()["RestartCount"] >= 1
    made = sum(outcome.status == 201 for outcome in clients.outcomes)
    found = stack.items() - before
    assert made <= found <= made + len(clients.failures)


def test_a_restarted_database_is_found_again(stack: Stack) -> None:
    before = stack.items()
    started = {service: stack.container(service).state["StartedAt"] for service in ("web-a", "web-b")}
    with load(stack.url, tagged("database"), clients=CLIENTS) as clients:
        clients.wait_for(200)
        stack.compose("restart", "database")
        until(lambda: stack.get("/api/v1/items").status == 200)
        count = len(clients.outcomes)
        clients.wait_for(300)
        after = clients.outcomes[count + 4 * CLIENTS :]
    print(f"restarted database: {Counter((o.method, o.status, o.error) for o in clients.outcomes)}")
    assert {outcome.status for outcome in clients.failures} <= {503}
    assert [outcome for outcome in after if outcome.failed] == []
    assert {service: stack.container(service).state["StartedAt"] for service in started} == started
    made = sum(outcome.status == 201 for outcome in clients.outcomes)
    assert made <= stack.items() - before <= made + len(clients.failures)


def tagged(tag: str) -> Callable[[int], tuple[str, str, object]]:
    """Names that no other test makes."""

    def make(number: int) -> tuple[str, str, object]:
        method, path, body = read_or_write(number)
        return method, path, {**body, "name": f"{tag} {number}"} if isinstance(body, dict) else body

    return make


def backup(stack: Stack) -> Path:
    """Makes one."""
    path = Path(stack.script("backup.sh").splitlines()[-1])
    assert path.is_absolute()
    return path


def media(stack: Stack) -> dict[str, str]:
    """Its files, hidden ones as well, and what is in them; only Django has any."""
    if stack.framework != "django":
        return {}
    listed = stack.container("web-a").execute("sh", "-c", "cd /srv/media && find . -type f -exec grep -H '' {} +")
    return dict(line.split(":", 1) for line in listed.splitlines())


def write(stack: Stack, name: str, text: str = "text") -> None:
    """Writes a file as the service would, if it has files."""
    if stack.framework != "django":
        return
    stack.container("web-a").execute(
        "sh", "-c", f"cd /srv/media && mkdir -p {Path(name).parent} && echo {text} > {name}"
    )


def nothing_is_left(stack: Stack) -> bool:
    """Whether the database and the media are without traces of a restore."""
    found = stack.query("SELECT datname, datallowconn FROM pg_database WHERE datname LIKE 'service%'", "postgres")
    hidden = stack.framework == "django" and "./.re" in stack.container("web-a").execute("find", "/srv/media")
    return found == "service|t" and not hidden


def test_a_backup_brings_everything_back_after_all_is_lost(stack: Stack) -> None:
    assert ask(f"{stack.url}/api/v1/items", "POST", {"name": "kept", "description": "ü"}).status == 201
    write(stack, "a/kept.txt", "kept")
    before = stack.dump(), media(stack)
    with_media = stack.framework == "django"
    assert before[1].get("./a/kept.txt") == ("kept" if with_media else None)
    made = backup(stack)
    files = {"database.dump", "SHA256SUMS", *(["media.tar"] if with_media else [])}
    assert {file.name for file in made.iterdir()} == files
    assert {file.stat().st_mode & 0o77 for file in (made, *made.iterdir())} == {0}

    stack.compose("down", "--volumes")
    stack.script("deploy.sh", "--no-backup", "v1")
    assert stack.get("/api/v1/items").json["total"] == 0
    assert media(stack) == {}
    ask(f"{stack.url}/api/v1/items", "POST", {"name": "lost"})
    write(stack, "a/lost.txt")
    # As after a rollback: the last version that migrated is not the one that serves.
    file = stack.directory / ".env"
    file.write_text(file.read_text().replace("MIGRATED_VERSION=v1", "MIGRATED_VERSION=v2"))
    assert "there is no terminal to ask for confirmation" in run_without_terminal(stack, made)
    stack.script("restore.sh", "--yes", str(made))

    assert (stack.dump(), media(stack)) == before
    # PostgreSQL knows what there is, without which it would guess how to find it.
    assert stack.query(f"SELECT count(*) > 0 FROM pg_stats WHERE tablename = '{stack.table}'") == "t"  # noqa: S608
    assert not with_media or stack.get("/media/a/kept.txt").body == b"kept\n"
    assert nothing_is_left(stack)
    assert (stack.recorded("MIGRATED_VERSION"), stack.recorded("PREVIOUS_VERSION")) == ("v1", "")


def test_a_file_that_grows_is_no_reason_against_a_backup(stack: Stack) -> None:
    if stack.framework != "django":
        pytest.skip("only Django has uploaded files")
    web = stack.container("web-a")
    # Without lines: Docker logs each.
    web.execute("sh", "-c", "head -c 10M /dev/zero | tr '\\0' a > /srv/media/growing")
    grow = "cd /srv/media && until [ -e stop ]; do printf a >> growing; done; rm growing stop"
    web.execute("sh", "-c", grow, options=("--detach",))
    (stack.directory / "backups" / stack.name / ".unfinished-killed").mkdir(parents=True, exist_ok=True)
    made = backup(stack)
    write(stack, "stop")
    assert "./growing" in run("tar", "--list", f"--file={made / 'media.tar'}")
    assert [path.name for path in made.parent.iterdir() if path.name.startswith(".")] == []
    until(lambda: "stop" not in web.execute("ls", "/srv/media"))


@dataclass(frozen=True)
class Before:
    """What was there before a restore that does not succeed."""

    dump: str
    media: dict[str, str]
    backup: Path


@pytest.fixture
def before(stack: Stack) -> Before:
    """A backup with other data."""
    write(stack, "poison")
    made = backup(stack)
    if stack.framework == "django":
        stack.container("web-a").execute("rm", "/srv/media/poison")
    write(stack, "later")
    ask(f"{stack.url}/api/v1/items", "POST", {"name": "later"})
    return Before(stack.dump(), media(stack), made)


def is_as(stack: Stack, before: Before) -> bool:
    """Whether all is as it was, and serves."""
    until(lambda: answers(f"{stack.url}/api/v1/items"))
    return (stack.dump(), media(stack)) == (before.dump, before.media) and nothing_is_left(stack)


@contextlib.contextmanager
def override(stack: Stack, text: str) -> Iterator[None]:
    """A compose.override.yaml, until the block ends. The next deployment or restore follows it."""
    file = stack.directory / "compose.override.yaml"
    file.write_text(text)
    try:
        yield
    finally:
        file.unlink()
        stack.compose("up", "--detach", "--no-deps", "--wait", "--remove-orphans", "web-a", "web-b")


def test_what_was_there_returns_if_the_service_does_not_become_healthy(stack: Stack, before: Before) -> None:
    """The second instance needs a row that the backup does not have."""
    query = f"SELECT 1 FROM {stack.table} WHERE name = 'later'"  # noqa: S608
    command = json.loads(docker("inspect", "--format={{json .Config.Cmd}}", f"{stack.image}:v1"))
    code = (
        "import os, psycopg; "
        f"assert psycopg.connect(os.environ['DATABASE_URL']).execute({query!r}).fetchone(); "
        f"os.execvp({command[0]!r}, {command!r})"
    )
    needs = {"services": {"web-b": {"command": ["python", "-c", code.replace("$", "$$")]}}}
    with override(stack, yaml.safe_dump(needs)):
        printed = stack.script("restore.sh", "--yes", str(before.backup), code=1)
        assert "error: nothing was restored; the old data is still there" in printed
        assert is_as(stack, before)


def test_what_was_there_returns_if_the_media_cannot_be_exchanged(stack: Stack, before: Before) -> None:
    """The service may not move a directory that belongs to root, but it has already moved others."""
    if stack.framework != "django":
        pytest.skip("only Django has uploaded files")
    as_root = ("run", "--rm", "--user=0", f"--volume={stack.name}_media:/srv/media", "--network=none")
    docker(*as_root, f"{stack.image}:v1", "mkdir", "/srv/media/roots")
    printed = stack.script("restore.sh", "--yes", str(before.backup), code=1)
    docker(*as_root, f"{stack.image}:v1", "rmdir", "/srv/media/roots")
    assert "Permission denied" in printed
    assert "error: nothing was restored; the old data is still there" in printed
    assert is_as(stack, before)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_what_was_there_returns_after_an_interruption(
    stack: Stack, before: Before, by: signal.Signals, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        command: list[str | Path] = ["bash", stack.directory / "restore.sh", "--yes", before.backup]
        script = subprocess.Popen(command, stdout=output, stderr=-2, start_new_session=True)
    replaced = "SELECT count(*) FROM pg_database WHERE datname = 'service_replaced'"
    until(lambda: stack.query(replaced, "postgres") == "1")
    os.killpg(script.pid, by)
    code = script.wait(timeout=120)
    if by == signal.SIGKILL:
        run("flock", stack.directory, "true")  # until what it started has ended
        refused = (("restore.sh", "--yes", str(before.backup)), ("deploy.sh", "--no-backup", "v1"), ("backup.sh",))
        for again in refused:
            assert "a restore was killed here" in stack.script(*again, code=1)
        assert "the data from before the restore is back" in stack.script("restore.sh", "--yes", "--undo")
        assert "there is nothing to undo" in stack.script("restore.sh", "--yes", "--undo", code=1)
    else:
        assert code == 1
        assert "error: nothing was restored; the old data is still there" in log.read_text()
    assert is_as(stack, before)


WORKER = """
services:
  worker:
    extends: {file: common.yaml, service: service}
    networks: [database, front]
    healthcheck: {test: ["CMD", "true"], start_period: 60s, start_interval: 1s}
    command: bash -c "while exec 3<>/dev/tcp/database/5432; do sleep 0.01; done"
"""


def test_a_worker_follows_the_instances_and_stops_for_a_restore(stack: Stack, before: Before) -> None:
    with override(stack, WORKER):
        stack.script("deploy.sh", "--no-backup", stack.recorded("VERSION"))
        first, new = stack.container("worker"), other(stack)
        stack.script("deploy.sh", "--no-backup", new)
        assert stack.container("worker").inspect()["Config"]["Image"] == f"{stack.image}:{new}"
        assert stack.container("worker").id != first.id
        networks = stack.container("worker").inspect()["NetworkSettings"]["Networks"]
        assert len(networks) == 2  # PostgreSQL's, and one with a way out
        started = stack.container("worker").state["StartedAt"]
        stack.script("restore.sh", "--yes", str(before.backup))
        assert stack.container("worker").state["StartedAt"] > started
        assert media(stack).get("./poison") == ("text" if stack.framework == "django" else None)


def test_a_lost_connection_does_not_end_a_deployment(stack: Stack) -> None:
    old, new = stack.recorded("VERSION"), other(stack)
    command: list[str | Path] = ["bash", stack.directory / "deploy.sh", "--no-backup", new]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as script:
        assert script.stdout
        assert any(f"web-a: version {new}" in line for line in script.stdout)
        script.stdout.close()
        assert script.wait(timeout=120) == 0
    assert stack.recorded("VERSION") == new
    for service in ("web-a", "web-b"):
        assert stack.container(service).inspect()["Config"]["Image"] == f"{stack.image}:{new}"
    assert f"{old} is running, with the files in deploy/ of version {new}" in stack.script("deploy.sh", "--rollback")
    stack.script("deploy.sh", "--no-backup", old)  # so that the migrations are this version's too


def test_what_changed_of_nginx_is_deployed_and_only_then(stack: Stack) -> None:
    version, first = stack.recorded("VERSION"), stack.container("nginx").id
    stack.script("deploy.sh", "--no-backup", version)
    assert stack.container("nginx").id == first
    file = stack.project / "deploy/nginx/nginx.conf"
    text = file.read_text()
    file.write_text(text.replace("worker_connections 1024;", "worker_connections 1000;"))
    stack.script("deploy.sh", "--no-backup", version)
    assert "worker_connections 1000;" in stack.container("nginx").execute("cat", "/etc/nginx/nginx.conf")
    assert stack.container("nginx").id != first
    file.write_text(text)


def run_without_terminal(stack: Stack, made: Path) -> str:
    command: list[str | Path] = ["bash", stack.directory / "restore.sh", made]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    return result.stderr


def test_a_damaged_backup_is_refused_and_a_useless_one_changes_nothing(stack: Stack) -> None:
    made = backup(stack)
    before = stack.dump()
    with (made / "database.dump").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 100)  # without the end of the data
    assert "is damaged" in stack.script("restore.sh", "--yes", str(made), code=1)
    sums = run("sh", "-c", "sha256sum database.dump $(ls media.tar 2>/dev/null)", cwd=made)
    (made / "SHA256SUMS").write_text(sums)
    assert "the old data is still there" in stack.script("restore.sh", "--yes", str(made), code=1)
    assert stack.dump() == before
    assert stack.get("/api/v1/items").status == 200
    assert nothing_is_left(stack)
    other = "docker compose exec -T database pg_dump --username=postgres --format=custom postgres >$0/database.dump"
    run("sh", "-c", f"{other} && cd $0 && sha256sum database.dump >SHA256SUMS", made, cwd=stack.directory)
    assert "is not a backup of service" in stack.script("restore.sh", "--yes", str(made), code=1)


def test_as_many_backups_are_kept_as_are_asked_for(stack: Stack) -> None:
    directory = stack.directory / "backups" / stack.name
    names = [f"2020010{day}T000000Z-scheduled" for day in range(1, 10)]
    old = {directory / name for name in names}
    other = directory / "20200101T000000Z-deploy"
    shared = {directory.parent / "another" / name for name in (*names, ".unfinished-running")}
    for path in (*old, other, *shared):
        path.mkdir(parents=True)
    file = stack.directory / ".env"
    text = file.read_text()
    file.write_text(text + "BACKUPS_KEPT=2\n")
    newest = stack.script("backup.sh").splitlines()[-1]
    file.write_text(text)
    left = sorted(path.name for path in directory.iterdir())
    assert Path(newest).name in left
    assert len([name for name in left if name.endswith("-scheduled")]) == 2
    assert other.name in left
    assert all(path.is_dir() for path in shared)
    other.rmdir()
    shutil.rmtree(directory.parent / "another")


def test_two_scripts_do_not_run_at_once(stack: Stack) -> None:
    command = ["flock", "--nonblock", str(stack.directory), "sh", "-c", "echo locked; read -r end"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "locked\n"
        for script, arguments in (("deploy.sh", ["v1"]), ("backup.sh", [])):
            assert "another script is running here" in stack.script(script, *arguments, code=1)
        holder.communicate("end\n")


def test_an_interrupted_deployment_is_undone(stack: Stack, tmp_path: Path) -> None:
    old, new = stack.recorded("VERSION"), other(stack)
    log = tmp_path / "log"
    with log.open("wb") as output:
        script = subprocess.Popen(
            ["bash", stack.directory / "deploy.sh", "--no-backup", new],
            stdout=output,
            stderr=-2,
            start_new_session=True,
        )
    until(lambda: f"web-a: version {new}" in log.read_text())
    os.killpg(script.pid, signal.SIGINT)  # as Ctrl+C does, to all that the script has started
    assert script.wait(timeout=120) == 1, log.read_text()
    assert f"{new} was not deployed; {old} is running" in log.read_text()
    for service in ("web-a", "web-b"):
        details = stack.container(service).inspect()
        assert (details["Config"]["Image"], details["State"]["Health"]["Status"]) == (f"{stack.image}:{old}", "healthy")
    assert stack.recorded("VERSION") == old
    printed = stack.script("deploy.sh", "--rollback", code=1)
    assert re.search(rf"nothing to roll back after .*failed deployment.*: bash deploy.sh {old}\n", printed)


def test_what_cannot_be_deployed_is_refused_before_anything_changes(stack: Stack) -> None:
    before = {service: stack.container(service).id for service in ("nginx", "web-a", "web-b")}
    assert "latest is not a version" in stack.script("deploy.sh", "latest", code=1)
    assert "cannot be the tag" in stack.script("deploy.sh", "v1;true", code=1)
    assert "there is no image of version v0" in stack.script("deploy.sh", "v0", code=1)
    for closed, mode in (("../nginx/nginx.conf", 0o640), ("../nginx/templates", 0o754), ("database.sql", 0o640)):
        path = stack.directory / closed
        usual = path.stat().st_mode
        path.chmod(mode)
        assert f"cannot read {closed}: chmod -R o+rX" in stack.script("deploy.sh", "v1", code=1)
        path.chmod(usual)
    nginx = stack.project / "deploy/nginx/nginx.conf"
    replace(nginx, "worker_connections 1024;", "worker_connections some;")
    assert 'invalid number "some"' in stack.script("deploy.sh", "v1", code=1)
    replace(nginx, "worker_connections some;", "worker_connections 1024;")
    file = stack.directory / ".env"
    text = file.read_text()
    file.write_text(text + "LOG_LEVEL=LOUD\n")
    printed = stack.script("deploy.sh", "v1", code=1)
    file.write_text(text)
    assert "LOG_LEVEL: Input should be 'DEBUG'" in printed
    assert "does not accept the variables in .env" in printed
    assert {service: stack.container(service).id for service in before} == before
