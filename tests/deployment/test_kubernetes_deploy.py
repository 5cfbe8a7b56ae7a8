"""The script that deploys to a cluster: in which order, and what it leaves alone when something fails."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import apiserver
from tests.deployment.cluster import COMPONENT, Object, of_kind, parse, title, workloads
from tests.owner import replace
from tests.tools import render, run

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kubernetes")]

APPLY = "apply --server-side --force-conflicts --selector app.kubernetes.io/component"
ENDED = "wait job/migrate --for=jsonpath={.status.conditions[0].status}=True --timeout=65m"
DONE = "wait job/migrate --for=condition=complete --timeout=30s"


@pytest.fixture(scope="session")
def script(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = render(
        template, tmp_path_factory.mktemp("deploy") / "service", framework="fastapi", target=["kubernetes"]
    )
    return project / "deploy/kubernetes/deploy.sh"


def component(each: Object) -> str | None:
    label: str | None = each["metadata"]["labels"].get(COMPONENT)
    return label


@dataclass(frozen=True)
class Cluster:
    """What kubectl tells the script, and what it was asked."""

    script: Path
    directory: Path

    def deploy(self, *arguments: str, answers: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the script; calls that are not scripted succeed and print nothing."""
        (self.directory / "answers").write_text(json.dumps(answers or {}))
        variables = {
            "FAKE_KUBECTL": str(self.directory),
            "KUBECTL": str(BIN / "kubectl"),
            "TMPDIR": str(self.directory),
        }
        path = {"PATH": f"{self.directory}:{os.environ['PATH']}"}
        command: list[str | Path] = ["bash", self.script, *arguments]
        environment = os.environ | variables | path
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    @property
    def calls(self) -> list[str]:
        """What was done, without looking: each call without the namespace and without the name of a file."""
        file = self.directory / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        words = [line.removeprefix("--namespace my-service-production ").split() for line in lines]
        for each in words:
            if "--filename" in each:
                place = each.index("--filename")
                del each[place : place + 2]
        return [" ".join(each) for each in words if each[0] not in {"kustomize", "get", "logs", "describe"}]


@pytest.fixture
def cluster(script: Path, tmp_path: Path) -> Cluster:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "kubectl.py"} "$@"\n')
    kubectl.chmod(0o755)
    shutil.copy2(shutil.which("true") or "true", tmp_path / "sleep")  # nothing comes later here
    return Cluster(script, tmp_path)


BEFORE = [
    "delete job migrate --ignore-not-found --cascade=foreground",
    f"{APPLY} notin (web, namespace)",
    ENDED,
    DONE,
]
SERVER = [f"{APPLY}=web", "rollout status deployment/web"]
BACK = ["rollout undo deployment/web --to-revision=7", "rollout status deployment/web"]
RUNNING = {"get deployment web .*revision": [[0, "7"]]}


def test_the_server_comes_after_the_migration(cluster: Cluster) -> None:
    result = cluster.deploy("production", "1.4", answers={"logs job/migrate": [[0, "up to date\n"]]})
    assert (result.returncode, result.stderr) == (0, "")
    assert "up to date" in result.stdout
    assert cluster.calls == [*BEFORE, *SERVER]
    objects = parse((cluster.directory / "applied.yaml").read_text())
    images = {container["image"] for pods in workloads(objects) for container in pods.containers}
    assert images == {"registry.example.com/my-service:1.4"}
    assert len(of_kind(objects, "Deployment", "Job")) == 2
    assert not list(cluster.directory.glob("tmp.*"))


def test_a_failed_migration_leaves_the_server_alone(cluster: Cluster) -> None:
    answers = {"condition=complete": [[1, ""]], "logs job/migrate": [[0, "no such column\n"]]}
    result = cluster.deploy("production", "1.4.0", answers=answers)
    assert result.returncode == 1
    assert "no such column" in result.stdout
    assert "the migration failed; the old version keeps running" in result.stderr
    assert cluster.calls == BEFORE


def test_a_running_migration_is_not_taken_away(cluster: Cluster) -> None:
    result = cluster.deploy("production", "1.4.0", answers={"get job migrate .*active": [[0, "1"]]})
    assert result.returncode == 1
    assert "a migration is running" in result.stderr
    assert cluster.calls == []


@pytest.mark.parametrize("call", ["rollout status", "component=web"])
def test_a_rollout_that_fails_is_rolled_back(cluster: Cluster, call: str) -> None:
    failing = [[1, "error: deployment exceeded its progress deadline\n"], [0, "successfully rolled out\n"]]
    result = cluster.deploy("production", "1.4.0", answers={**RUNNING, call: failing})
    assert result.returncode == 1
    assert "the rollout failed; the old version is running" in result.stderr
    assert cluster.calls[-2:] == BACK


def test_a_first_rollout_that_fails_has_nothing_to_go_back_to(cluster: Cluster) -> None:
    result = cluster.deploy("production", "1.4.0", answers={"rollout status": [[1, ""]]})
    assert result.returncode == 1
    assert "there is no previous version" in result.stderr
    assert cluster.calls == [*BEFORE, *SERVER]


@pytest.mark.parametrize("call", ["delete job", "component notin", "condition=complete", "get job migrate"])
def test_nothing_follows_a_call_that_failed(cluster: Cluster, call: str) -> None:
    result = cluster.deploy("production", "1.4.0", answers={call: [[1, ""]]})
    assert result.returncode != 0
    assert SERVER[1] not in cluster.calls


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["production"], "usage"),
        (["production", "latest"], "latest is not a version"),
        (["production", "1 4"], "1 4 is not a version"),
        (["testing", "1.4.0"], "there is no"),
    ],
)
def test_what_makes_no_sense_is_refused(cluster: Cluster, arguments: list[str], complaint: str) -> None:
    result = cluster.deploy(*arguments)
    assert result.returncode == 1
    assert complaint in result.stderr
    assert cluster.calls == []


def test_an_image_that_is_not_there_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """The version must have reached the manifests, however the overlay names its image."""
    copied = shutil.copytree(cluster.script.parents[1], tmp_path / "deploy") / "kubernetes"
    overlay = copied / "overlays/production/kustomization.yaml"
    overlay.write_text(overlay.read_text().replace("- name: service\n", "- name: servce\n"))
    result = Cluster(copied / "deploy.sh", cluster.directory).deploy("production", "1.4.0")
    assert result.returncode == 1
    assert "no image in the overlay has this version" in result.stderr
    assert cluster.calls == []


def test_the_version_is_that_of_the_service_alone(cluster: Cluster, tmp_path: Path) -> None:
    """Regardless of what else runs in the cluster, and of how the owner quotes."""
    copied = shutil.copytree(cluster.script.parents[1], tmp_path / "deploy") / "kubernetes"
    overlay = copied / "overlays/production/kustomization.yaml"
    replace(
        overlay, "    newName: registry.example.com/my-service\n", "    newName: 'registry.example.com/shop' # ours\n"
    )
    other = "  - name: proxy\n    newName: registry.example.com/proxy\n    newTag: '2'\n"
    replace(overlay, "configMapGenerator:", f"{other}configMapGenerator:")
    result = Cluster(copied / "deploy.sh", cluster.directory).deploy("production", "1.4.0")
    assert (result.returncode, result.stderr) == (0, "")
    objects = parse((cluster.directory / "applied.yaml").read_text())
    images = {container["image"] for pods in workloads(objects) for container in pods.containers}
    assert images == {"registry.example.com/shop:1.4.0"}


def test_shellcheck_accepts_the_script(script: Path, tmp_path: Path) -> None:
    run(BIN / "shellcheck", script)
    broken = tmp_path / "deploy.sh"
    broken.write_text(script.read_text().replace('"$manifests"', "$manifests"))
    assert "SC2086" in run(BIN / "shellcheck", broken, code=1)


def test_kubectl_knows_the_options_of_the_script(script: Path) -> None:
    """The stand-in takes any; the real one says what there is."""
    text = script.read_text()
    for command, options in {
        "apply": ["--server-side", "--force-conflicts", "--filename", "--selector"],
        "get": ["--ignore-not-found", "--output"],
        "wait": ["--for", "--timeout"],
        "delete": ["--ignore-not-found", "--cascade"],
        "logs": ["--tail", "--all-pods"],
        "rollout undo": ["--to-revision"],
    }.items():
        help_text = run(BIN / "kubectl", *command.split(), "--help")
        for option in options:
            assert option in text
            assert f"{option}=" in help_text


def test_kubectl_tells_the_server_from_the_rest_by_the_labels(script: Path, tmp_path: Path) -> None:
    """The real one, with the script's own options, and a server that only notes what it is sent."""
    manifests = run(BIN / "kubectl", "kustomize", script.parent / "overlays/production")
    (tmp_path / "all.yaml").write_text(manifests)
    objects = parse(manifests)
    applies = re.findall(r'kubectl apply (.*) --filename "\$manifests" --selector "\$1"', script.read_text())
    selectors = re.findall(r"\bapply '([^']*)'", script.read_text())
    (options,), steps = applies, []
    with apiserver.serve({(each["apiVersion"], each["kind"]) for each in objects}) as (address, applied):
        for selector in selectors:
            server = [f"--server={address}", "--kubeconfig=/dev/null", "--validate=false", f"--cache-dir={tmp_path}"]
            command = [*options.split(), f"--filename={tmp_path / 'all.yaml'}", f"--selector={selector}"]
            run(BIN / "kubectl", "apply", *server, *command)
            steps.append(set(applied))
            applied.clear()
    assert set.union(*steps) == {title(each) for each in objects if each["kind"] != "Namespace"}
    before, server_itself = steps
    assert "Job migrate" in before
    assert server_itself == {title(each) for each in objects if component(each) == "web"}
    assert {"Deployment web", "Service web"} <= server_itself
    assert not before & server_itself


@pytest.mark.parametrize(
    ("conditions", "codes"),
    [([], (1, 1)), (["SuccessCriteriaMet", "Complete"], (0, 0)), (["FailureTarget"], (0, 1))],
)
def test_kubectl_waits_until_the_job_has_ended(
    script: Path, tmp_path: Path, conditions: list[str], codes: tuple[int, int]
) -> None:
    """The real one: any condition ends the first wait, and only success the second."""
    waits = re.findall(r"kubectl wait job/migrate --for=(\S+) --timeout=\S+", script.read_text())
    name = {"name": "migrate", "namespace": "x", "resourceVersion": "1"}
    job: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "metadata": name}
    status = {"conditions": [{"type": condition, "status": "True"} for condition in conditions]}
    ended = [job, job | {"status": status if conditions else {}}]
    for wait, code in zip(waits, codes, strict=True):
        with apiserver.serve({("batch/v1", "Job")}, ended) as (address, _):
            server = [f"--server={address}", "--kubeconfig=/dev/null", "--namespace=x", f"--cache-dir={tmp_path}"]
            condition = f"--for={wait}".replace("'", "")
            run(BIN / "kubectl", "wait", "job/migrate", "--timeout=2s", *server, condition, code=code)
