"""What Docker Compose makes of the files that options include. It needs no containers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.engine import docker
from tests.test_composition import with_a_queue
from tests.tools import FRAMEWORKS, render_anew, run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("engine")]
VARIABLES = ("IMAGE", "VERSION", "ALLOWED_HOSTS", "DATABASE_PASSWORD")


@pytest.fixture(params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Path:
    """A project with a queue: see tests/test_composition.py."""
    path = render_anew(with_a_queue(template), tmp_path / "service", framework=request.param, queue="worker")
    (path / "deploy/compose/.env").write_text("".join(f"{name}=given\n" for name in VARIABLES))
    return path


def config(directory: Path) -> dict[str, Any]:
    """The services as Compose understands them, without those of profiles."""
    found: dict[str, Any] = json.loads(docker("compose", "config", "--format", "json", cwd=directory))["services"]
    return found


def test_production_has_the_containers_of_an_option(project: Path) -> None:
    services = config(project / "deploy/compose")
    assert {*services} == {"database", "migrate", "nginx", "valkey", "web-a", "web-b", "worker"}
    assert services["worker"]["image"] == services["web-a"]["image"]
    for name in ("web-a", "web-b", "worker", "migrate"):
        assert services[name]["environment"]["QUEUE_URL"] == "valkey://valkey:6379"
    assert "QUEUE_URL" not in services["nginx"]["environment"]
    assert services["web-a"]["depends_on"].keys() == {"database", "migrate", "valkey"}
    assert all(service["cap_drop"] == ["ALL"] and service["read_only"] for service in services.values())


def test_development_has_the_containers_of_an_option(project: Path) -> None:
    services = config(project)
    assert {*services} == {"database", "migrate", "valkey", "web", "worker"}
    assert services["worker"]["environment"]["QUEUE_URL"] == "valkey://valkey:6379"
    assert services["web"]["depends_on"].keys() == {"migrate", "valkey"}


def test_a_deployment_starts_what_the_instances_need_and_replaces_the_rest(project: Path) -> None:
    """Workers after the instances; profiles, such as that of `static`, never."""
    lists = '. ./common.sh; list; echo "${backing[@]}: ${running[@]}"'
    assert run("bash", "-c", lists, cwd=project / "deploy/compose") == "database valkey: web-a web-b worker\n"


def test_owners_change_and_extend_what_is_there(project: Path) -> None:
    """In compose.override.yaml, which may extend services of the main file as well, as its pages once said."""
    (project / "deploy/compose/compose.override.yaml").write_text("""
services:
  valkey: {environment: {EXTRA: flags}}
  older: {extends: {file: compose.yaml, service: migrate}, command: work}
  newer: {extends: {file: common.yaml, service: service}, command: work}
""")
    services = config(project / "deploy/compose")
    assert services["valkey"]["environment"] == {"EXTRA": "flags"}
    assert services["valkey"]["image"] == "valkey/valkey:8"
    assert services["older"]["environment"] == services["newer"]["environment"] == services["migrate"]["environment"]
