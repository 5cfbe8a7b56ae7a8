"""The arithmetic over all timeouts, recomputed from the files that a project is rendered with."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.tools import FRAMEWORKS, ROOT, render

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module", params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(request.param)
    return render(template, directory / "service", framework=request.param, target=["compose", "kubernetes"])


@pytest.fixture(scope="module")
def service(project: Path) -> SimpleNamespace:
    """The service's own timeouts."""
    return SimpleNamespace(**runpy.run_path(str(next(project.glob("*/core/timeouts.py")))))


@pytest.fixture(scope="module")
def proxy(project: Path) -> SimpleNamespace:
    """Those of the proxy, in seconds."""
    templates = project / "deploy/nginx/templates"
    upstream = (templates / "service.conf.template").read_text()
    server, live = (templates / "server.conf.template").read_text().split("location @live {")

    def seconds(directive: str, block: str) -> int:
        return int(re.findall(rf"^\s*{directive} (\d+)s;", block, re.MULTILINE)[0])

    return SimpleNamespace(
        upstream_idle=seconds("keepalive_timeout", upstream),
        client_idle=seconds("keepalive_timeout", server),
        connect=seconds("proxy_connect_timeout", server),
        read=seconds("proxy_read_timeout", server),
        live=int(re.findall(r"^    proxy_read_timeout (\d+)h;", live, re.MULTILINE)[0]) * 60 * 60,
        retry=seconds("proxy_next_upstream_timeout", server),
        fail=int(re.findall(r"fail_timeout=(\d+)s", upstream)[0]),
    )


@pytest.fixture(scope="module")
def promised(project: Path) -> SimpleNamespace:
    """What the documents tell whoever operates the service."""
    text = (project / "docs/operations.md").read_text()
    return SimpleNamespace(
        grace=int(re.findall(r"running requests (\d+) seconds", text)[0]),
        orchestrator=int(re.findall(r"orchestrator wait for (\d+) seconds", text)[0]),
        drain=int(re.findall(r"`DRAIN_SECONDS` \| 0 \| (\d+)", text)[0]),
        fail=[int(number) for number in re.findall(r"fail_timeout=(\d+)s", text)],
    )


def test_the_proxy_closes_idle_connections_first(service: SimpleNamespace, proxy: SimpleNamespace) -> None:
    assert proxy.upstream_idle < service.KEEP_ALIVE
    assert proxy.upstream_idle < service.DRAIN


def test_two_instances_are_never_aside_at_once(service: SimpleNamespace, proxy: SimpleNamespace) -> None:
    assert proxy.fail < service.DRAIN


def test_a_request_fails_before_the_proxy_gives_up(service: SimpleNamespace, proxy: SimpleNamespace) -> None:
    assert proxy.read > service.POOL_WAIT + service.CONNECT
    assert proxy.connect < proxy.retry < proxy.read


def test_what_the_proxy_waits_for_has_time_to_end(
    service: SimpleNamespace, proxy: SimpleNamespace, promised: SimpleNamespace
) -> None:
    assert proxy.read <= service.GRACE
    assert service.LINGER < service.GRACE
    # Each server's parent process kills its workers a second after that.
    assert promised.orchestrator > service.DRAIN + service.GRACE + service.FLUSH + 1


def test_only_connections_that_stay_open_may_be_silent(proxy: SimpleNamespace) -> None:
    assert proxy.live > proxy.read


def test_a_cluster_waits_for_what_a_pod_takes_to_end(project: Path, service: SimpleNamespace) -> None:
    text = (project / "deploy/kubernetes/base/web.yaml").read_text()
    (deployment, *_) = yaml.safe_load_all(text)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    total = pause + service.DRAIN + service.GRACE + service.FLUSH + 1
    assert total < pod["terminationGracePeriodSeconds"]
    # The comment adds up, the page says the same, and no variable says otherwise.
    assert (
        f"preStop ({pause}) + DRAIN_SECONDS ({service.DRAIN}) + what is running ({service.GRACE}) "
        f"+ traces ({service.FLUSH}) + the parent process (1) = {total}\n"
    ) in text
    assert f"serves for {pause} more seconds" in (project / "docs/cluster.md").read_text()
    assert not any("DRAIN_SECONDS=" in path.read_text() for path in (project / "deploy/kubernetes").rglob("*.yaml"))


def test_a_cluster_gives_probes_and_migrations_their_time(project: Path, service: SimpleNamespace) -> None:
    base = project / "deploy/kubernetes/base"
    text = (base / "web.yaml").read_text()
    (deployment, *_) = yaml.safe_load_all(text)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["timeoutSeconds"] > service.PROBE
    assert f"the service waits {service.PROBE} seconds" in text
    start = container["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] < deployment["spec"]["progressDeadlineSeconds"]

    job = yaml.safe_load((base / "migrate.yaml").read_text())
    limits = next(project.glob("*/core/migration.py")).read_text()
    statement = 60 * int(re.findall(r'^STATEMENT_TIMEOUT = "(\d+)min"', limits, re.MULTILINE)[0])
    assert job["spec"]["activeDeadlineSeconds"] > service.TURN + statement
    comment = f"A turn ({service.TURN // 60} minutes), and a statement ({statement // 60} minutes)"
    assert comment in (base / "migrate.yaml").read_text()


def test_a_gateway_is_told_what_the_proxy_of_ours_knows(project: Path, service: SimpleNamespace) -> None:
    text = " ".join((project / "docs/cluster.md").read_text().split())
    assert f"wait {service.GRACE} seconds for an answer" in text
    assert f"idle connections to the service for less than {service.KEEP_ALIVE} seconds" in text


def test_the_proxy_itself_stops_no_earlier(project: Path, service: SimpleNamespace) -> None:
    main = (project / "deploy/nginx/nginx.conf").read_text()
    (shutdown,) = re.findall(r"^worker_shutdown_timeout (\d+)s;", main, re.MULTILINE)
    assert int(shutdown) == service.DRAIN + service.GRACE


def test_the_images_check_waits_for_longer_than_a_probe_takes(project: Path, service: SimpleNamespace) -> None:
    (timeout,) = re.findall(r"--timeout=(\d+)s", (project / "Dockerfile").read_text())
    assert int(timeout) > service.PROBE


def test_the_machine_waits_until_each_has_stopped(
    project: Path, service: SimpleNamespace, proxy: SimpleNamespace, promised: SimpleNamespace
) -> None:
    found = yaml.safe_load((project / "deploy/compose/compose.yaml").read_text())["services"]
    for name in ("web-a", "web-b"):
        assert found[name]["stop_grace_period"] == f"{promised.orchestrator}s"
        assert int(found[name]["healthcheck"]["timeout"].removesuffix("s")) > service.PROBE
    assert int(found["nginx"]["stop_grace_period"].removesuffix("s")) > service.DRAIN + service.GRACE
    servers = found["nginx"]["environment"]["UPSTREAM_SERVERS"]
    assert set(re.findall(r"fail_timeout=(\d+)s", servers)) == {str(proxy.fail)}


def test_documents_say_what_the_code_does(
    service: SimpleNamespace, proxy: SimpleNamespace, promised: SimpleNamespace
) -> None:
    assert (promised.drain, promised.grace) == (service.DRAIN, service.GRACE)
    assert set(promised.fail) == {proxy.fail}


def test_comments_add_up(service: SimpleNamespace, proxy: SimpleNamespace) -> None:
    text = (ROOT / "template_shared/core/timeouts.py").read_text()
    assert f"the proxy keeps them ({proxy.upstream_idle})" in text
    assert f"POOL_WAIT + CONNECT = {service.POOL_WAIT + service.CONNECT} < {proxy.read}" in text
    assert f"DRAIN + GRACE + FLUSH = {service.DRAIN + service.GRACE + service.FLUSH} < 30" in text


def test_no_timeout_stands_elsewhere(project: Path) -> None:
    """A number that is given to something called a timeout comes from that module."""
    for path in next(project.glob("*/core/timeouts.py")).parent.glob("*.py"):
        if path.name != "timeouts.py":
            assert not re.search(r"(?i)(timeout|keep_?alive|grace)\w*\"?\s*[=:]\s*[1-9]", path.read_text()), path


def test_the_pipeline_waits_as_long_as_an_orchestrator(project: Path, promised: SimpleNamespace) -> None:
    script = (project / "deploy/pipeline/smoke.sh").read_text()
    assert re.findall(r"docker stop -t (\d+)", script) == [str(promised.orchestrator)]


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_job_that_deploys_outlasts_what_it_waits_for(ci: str, template: Path, tmp_path: Path) -> None:
    """The migration, the rollout, and the one that takes it back."""
    project = render(template, tmp_path / "service", framework="django", target=["compose", "kubernetes"], ci=ci)
    base = project / "deploy/kubernetes/base"
    migration = yaml.safe_load((base / "migrate.yaml").read_text())["spec"]["activeDeadlineSeconds"]
    (deployment, *_) = yaml.safe_load_all((base / "web.yaml").read_text())
    longest = migration + 2 * deployment["spec"]["progressDeadlineSeconds"]
    if ci == "github":
        jobs = yaml.safe_load((project / ".github/workflows/deploy.yml").read_text())["jobs"].values()
        minutes = [job["timeout-minutes"] for job in jobs]
    else:
        jobs = yaml.safe_load((project / ".gitlab-ci.yml").read_text())
        minutes = [int(body["timeout"].split()[0]) for name, body in jobs.items() if name.startswith(".deploy-")]
    assert len(minutes) == 2
    assert all(60 * each > longest for each in minutes)
