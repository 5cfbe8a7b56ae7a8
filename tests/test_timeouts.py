"""The arithmetic over all timeouts, recomputed from the files that a project is rendered with."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.tools import FRAMEWORKS, render

pytestmark = [pytest.mark.slow]


@pytest.fixture(
    scope="module", params=[("django", "gunicorn"), ("django", "granian"), ("fastapi", "uvicorn")], ids=lambda p: p[1]
)
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    framework, name = request.param
    return str(framework), str(name)


@pytest.fixture(scope="module")
def project(server: tuple[str, str], template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    framework, name = server
    answers = {"server": name} if framework == "django" else {}
    directory = tmp_path_factory.mktemp(name)
    return render(template, directory / "service", framework=framework, target=["compose", "kubernetes"], **answers)


@pytest.fixture(scope="module")
def service(project: Path, server: tuple[str, str]) -> SimpleNamespace:
    """The service's own timeouts, in seconds."""
    postgres = next(project.glob("*/core/postgres.py")).read_text()

    def setting(name: str) -> int:
        number, unit = re.findall(rf"\b{name}=(\d+)(ms|s|min)\b", postgres)[0]
        return int(number) * {"s": 1, "min": 60}[unit]

    found = SimpleNamespace(statement=setting("statement_timeout"), lock=setting("lock_timeout"))
    files = [*project.glob("gunicorn.conf.py"), *project.glob("Dockerfile")]
    text = "\n".join(file.read_text() for file in files)
    for name, pattern in {
        "idle": r"(?:^keepalive = |--timeout-keep-alive )(\d+)",
        "grace": r"(?:^graceful_timeout = |--timeout-graceful-shutdown )(\d+)",
    }.items():
        # Granian has no such options: it keeps idle connections, and finishes what runs.
        numbers = re.findall(pattern, text, re.MULTILINE)
        assert len(numbers) == (0 if server[1] == "granian" else 1), name
        setattr(found, name, int(numbers[0]) if numbers else None)
    return found


@pytest.fixture(scope="module")
def proxy(project: Path) -> SimpleNamespace:
    """Those of the proxy, in seconds."""
    templates = project / "deploy/nginx/templates"
    upstreams = (templates / "service.conf.template").read_text()
    server, live = (templates / "server.conf.template").read_text().split("location @live {")

    def seconds(directive: str, block: str) -> int:
        (number,) = set(re.findall(rf"^\s*{directive} (\d+)s;", block, re.MULTILINE))
        return int(number)

    return SimpleNamespace(
        upstream_idle=seconds("keepalive_timeout", upstreams),
        client_idle=seconds("keepalive_timeout", server),
        connect=seconds("proxy_connect_timeout", server),
        read=seconds("proxy_read_timeout", server),
        live=int(re.findall(r"^    proxy_read_timeout (\d+)h;", live, re.MULTILINE)[0]) * 60 * 60,
        retry=seconds("proxy_next_upstream_timeout", server),
    )


def deployment(project: Path) -> dict[str, object]:
    (first, *_) = yaml.safe_load_all((project / "deploy/kubernetes/base/web.yaml").read_text())
    found: dict[str, object] = first
    return found


def test_the_proxy_closes_idle_connections_first(
    project: Path, service: SimpleNamespace, proxy: SimpleNamespace
) -> None:
    if service.idle:
        assert proxy.upstream_idle < service.idle
    script = (project / "deploy/compose/deploy.sh").read_text()
    (pause,) = re.findall(r"sleep (\d+)", script)
    assert proxy.upstream_idle < int(pause)
    comment = " ".join(script.replace("\n#", "").split())
    assert f"connections for {proxy.upstream_idle} seconds, so after {pause}" in comment
    assert f"waits {pause} seconds" in (project / "docs/one-machine.md").read_text()


def test_a_query_ends_before_the_proxy_gives_up(service: SimpleNamespace, proxy: SimpleNamespace) -> None:
    assert service.lock < service.statement < proxy.read
    assert proxy.connect < proxy.retry < proxy.read


def test_what_the_proxy_waits_for_has_time_to_end(
    project: Path, service: SimpleNamespace, proxy: SimpleNamespace
) -> None:
    if service.grace:
        assert proxy.read <= service.grace
    found = yaml.safe_load((project / "deploy/compose/compose.yaml").read_text())["services"]
    for name in ("web-a", "web-b", "nginx"):
        assert int(found[name]["stop_grace_period"].removesuffix("s")) > proxy.read
    (shutdown,) = re.findall(
        r"^worker_shutdown_timeout (\d+)s;", (project / "deploy/nginx/nginx.conf").read_text(), re.MULTILINE
    )
    assert int(shutdown) > proxy.read
    (stop,) = re.findall(r"docker stop -t (\d+)", (project / "deploy/pipeline/smoke.sh").read_text())
    assert int(stop) > proxy.read


def test_only_connections_that_stay_open_may_be_silent(proxy: SimpleNamespace) -> None:
    assert proxy.live > proxy.read


def test_a_cluster_waits_for_what_a_pod_takes_to_end(project: Path, proxy: SimpleNamespace) -> None:
    spec = deployment(project)["spec"]["template"]["spec"]  # type: ignore[index]
    pauses = [container["lifecycle"]["preStop"]["sleep"]["seconds"] for container in spec["containers"]]
    assert max(pauses) + proxy.read < spec["terminationGracePeriodSeconds"]


def test_a_cluster_gives_probes_and_migrations_their_time(project: Path) -> None:
    web = deployment(project)
    container = web["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    start = container["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] < web["spec"]["progressDeadlineSeconds"]  # type: ignore[index]

    text = (project / "deploy/kubernetes/base/migrate.yaml").read_text()
    (turn,) = re.findall(r"wait for another migration \((\d+) minutes\)", text)
    (statement,) = re.findall(r"longest statement \((\d+) minutes\)", text)
    assert yaml.safe_load(text)["spec"]["activeDeadlineSeconds"] > 60 * (int(turn) + int(statement))
    code = "\n".join(file.read_text() for file in project.rglob("*.py") if ".venv" not in file.parts)
    assert f"statement_timeout = '{statement}min'" in code
    assert f" = {turn} * 60  # seconds to wait for another migration" in code


def test_the_request_line_has_one_limit(project: Path, server: tuple[str, str]) -> None:
    """nginx answers a longer one itself: its buffer has the line and its end."""
    (buffer,) = re.findall(
        r"large_client_header_buffers \d+ (\d+)k;",
        (project / "deploy/nginx/templates/server.conf.template").read_text(),
    )
    if server[1] == "gunicorn":
        assert f"limit_request_line = {int(buffer) * 1024 - 2} " in (project / "gunicorn.conf.py").read_text()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_job_that_deploys_outlasts_what_it_waits_for(framework: str, ci: str, template: Path, tmp_path: Path) -> None:
    """The migration, the rollout, and the one that takes it back."""
    project = render(template, tmp_path / "service", framework=framework, target=["compose", "kubernetes"], ci=ci)
    base = project / "deploy/kubernetes/base"
    migration = yaml.safe_load((base / "migrate.yaml").read_text())["spec"]["activeDeadlineSeconds"]
    (wait,) = re.findall(r"--timeout=(\d+)m", (project / "deploy/kubernetes/deploy.sh").read_text())
    assert int(wait) * 60 > migration
    longest = int(wait) * 60 + 2 * deployment(project)["spec"]["progressDeadlineSeconds"]  # type: ignore[index]
    if ci == "github":
        jobs = yaml.safe_load((project / ".github/workflows/deploy.yml").read_text())["jobs"].values()
        minutes = [job["timeout-minutes"] for job in jobs]
    else:
        jobs = [job for path in project.glob(".gitlab/ci/*.yml") for job in yaml.safe_load(path.read_text()).items()]
        minutes = [int(body["timeout"].split()[0]) for name, body in jobs if name.startswith(".deploy-")]
    assert len(minutes) == 2
    assert all(60 * each > longest for each in minutes)
