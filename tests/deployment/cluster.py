"""What has to agree between a service and its manifests, and within these: what no schema knows.

Each check takes the objects of one overlay and what the service promises, and yields a sentence for each problem.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.projects import MAIL

Object = dict[str, Any]

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
WAVE = "argocd.argoproj.io/sync-wave"
DATABASE_ALLOWS = 100  # PostgreSQL's default
PORT = 8000  # of the service
PATHS = ("/health/live", "/health/ready", "/metrics")
THREADS = 4  # of each of Django's workers
OTHERS = 10  # of these connections: the database's own, migrations, people


@dataclass(frozen=True)
class Promises:
    """What the rendered project says about itself."""

    project: Path

    @cached_property
    def cluster(self) -> str:
        return (self.project / "docs/cluster.md").read_text()

    @cached_property
    def variables(self) -> set[str]:
        """Those of the service, of its server, and of nginx."""
        modules = ("*/*/environment.py", "*/*/*settings.py")
        text = "".join(path.read_text() for module in modules for path in self.project.glob(module))
        nginx = "".join(path.read_text() for path in self.project.glob("deploy/nginx/templates/*"))
        found = {name.upper() for name in re.findall(r"^    ([a-z_]+): ", text, re.MULTILINE)}
        found |= set(re.findall(r"\$\{([A-Z_]+)\}", nginx))
        return found | {"FORWARDED_ALLOW_IPS", *(["SECRET_KEY", *MAIL] if self.django else [])}

    @property
    def django(self) -> bool:
        return (self.project / "manage.py").exists()

    @cached_property
    def user(self) -> int:
        return int(re.findall(r"^USER (\d+)", (self.project / "Dockerfile").read_text(), re.MULTILINE)[-1])


@dataclass(frozen=True)
class Pods:
    """What a Deployment or a Job starts."""

    owner: Object

    @property
    def template(self) -> Object:
        template: Object = self.owner["spec"]["template"]
        return template

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def containers(self) -> list[Object]:
        spec = self.template["spec"]
        return [*spec.get("initContainers", []), *spec["containers"]]

    @property
    def port_names(self) -> set[str]:
        return {port["name"] for container in self.containers for port in container.get("ports", [])}


def parse(text: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [each for each in objects if each["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> list[Object]:
    return [each for each in of_kind(objects, kind) if each["metadata"]["name"] == name]


def workloads(objects: list[Object]) -> list[Pods]:
    return [Pods(each) for each in of_kind(objects, "Deployment", "Job")]


def title(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a selector's labels are among these; an empty one selects all."""
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def cores(quantity: str) -> float:
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def selectors(objects: list[Object], _: Promises) -> Iterator[str]:
    """Each selects the pods of the server, and nobody else's, or knowingly all."""
    servers = [pods for pods in workloads(objects) if pods.labels.get(COMPONENT) == "web"]
    if len(servers) != 1:
        yield "there is not one server"
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "Service":
            wanted = [{"matchLabels": spec["selector"]}]
        elif each["kind"] in {"Deployment", "PodDisruptionBudget"}:
            wanted = [spec["selector"]]
        elif each["kind"] == "NetworkPolicy":
            wanted = [spec["podSelector"]]
        else:
            wanted = []
        if each["kind"] == "Deployment":
            wanted += [spread["labelSelector"] for spread in Pods(each).template["spec"]["topologySpreadConstraints"]]
        for selector in wanted:
            found = [pods for pods in workloads(objects) if matches(selector, pods.labels)]
            everybody = each["kind"] == "NetworkPolicy" and selector == {}
            if not everybody and found != servers:
                yield f"{title(each)} does not select the server's pods alone"
        if each["kind"] == "ServiceMonitor":
            services = [s for s in of_kind(objects, "Service") if matches(spec["selector"], s["metadata"]["labels"])]
            if len(services) != 1:
                yield f"{title(each)} does not select one Service"


def ports(objects: list[Object], promises: Promises) -> Iterator[str]:
    """Names of ports lead to a port, and that is the one on which the service listens."""
    pods = workloads(objects)
    for each in of_kind(objects, "Service"):
        server = [p for p in pods if matches({"matchLabels": each["spec"]["selector"]}, p.labels)]
        for port in each["spec"]["ports"]:
            if not any(port["targetPort"] in p.port_names for p in server):
                yield f"{title(each)}: no container has a port {port['targetPort']}"
    for each in of_kind(objects, "NetworkPolicy"):
        for rule in each["spec"].get("ingress", []):
            for port in rule["ports"]:
                if not any(
                    port["port"] in p.port_names for p in pods if matches(each["spec"]["podSelector"], p.labels)
                ):
                    yield f"{title(each)}: no container has a port {port['port']}"
    for p in pods:
        for container in p.containers:
            for port in container.get("ports", []):
                if container["name"] == "web" and port["containerPort"] != PORT:
                    yield f"{container['name']} listens on {PORT}, not on {port['containerPort']}"
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = next((container.get(kind, {}).get(how) for how in ("httpGet", "tcpSocket")), None)
                if asked and asked["port"] not in p.port_names:
                    yield f"{container['name']}: {kind} asks a port that there is not"
    for each in of_kind(objects, "ServiceMonitor"):
        names = {port["name"] for s in of_kind(objects, "Service") for port in s["spec"]["ports"]}
        for endpoint in each["spec"]["endpoints"]:
            if endpoint["port"] not in names:
                yield f"{title(each)}: no Service has a port {endpoint['port']}"
    for each in of_kind(objects, "HTTPRoute"):
        for backend in [b for rule in each["spec"]["rules"] for b in rule.get("backendRefs", [])]:
            services = named(objects, "Service", backend["name"])
            if not any(port["port"] == backend["port"] for s in services for port in s["spec"]["ports"]):
                yield f"{title(each)}: there is no Service {backend['name']}:{backend['port']}"


def references(objects: list[Object], promises: Promises) -> Iterator[str]:
    """What is named is there, or the documents say how to make it."""
    namespaces = {each["metadata"]["name"] for each in of_kind(objects, "Namespace")}
    for each in objects:
        if each["kind"] != "Namespace" and each["metadata"].get("namespace") not in namespaces:
            yield f"{title(each)} is not in the overlay's namespace"
        if NAME not in each["metadata"].get("labels", {}):
            yield f"{title(each)} does not say to which service it belongs"
    for each in of_kind(objects, "HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]
        if not named(objects, target["kind"], target["name"]):
            yield f"{title(each)} scales nothing"
    secrets = set(re.findall(r"create secret generic (\S+)", promises.cluster))
    for each in of_kind(objects, "ExternalSecret"):
        if each["spec"]["target"]["name"] not in secrets:
            yield f"{title(each)} makes a Secret that nobody reads"
    for pods in workloads(objects):
        spec = pods.template["spec"]
        if not named(objects, "ServiceAccount", spec["serviceAccountName"]):
            yield f"{title(pods.owner)}: there is no such ServiceAccount"
        for container in pods.containers:
            for source in container.get("envFrom", []):
                if "configMapRef" in source and not named(objects, "ConfigMap", source["configMapRef"]["name"]):
                    yield f"{title(pods.owner)}: there is no ConfigMap {source['configMapRef']['name']}"
                if "secretRef" in source and source["secretRef"]["name"] not in secrets:
                    yield f"{title(pods.owner)}: nobody makes the Secret {source['secretRef']['name']}"
        mounted = {mount["name"] for container in pods.containers for mount in container["volumeMounts"]}
        if mounted != {volume["name"] for volume in spec["volumes"]}:
            yield f"{title(pods.owner)}: volumes and mounts differ"
        for name in [volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume]:
            if not named(objects, "ConfigMap", name):
                yield f"{title(pods.owner)}: there is no ConfigMap {name}"
    if of_kind(objects, "Secret"):
        yield "there is a Secret in the repository"


def probes(objects: list[Object], promises: Promises) -> Iterator[str]:
    """They ask what the service answers, with more patience than the answer can take."""
    for pods in [Pods(each) for each in of_kind(objects, "Deployment")]:
        for container in [container for container in pods.containers if container["name"] == "web"]:
            wanted = {
                "startupProbe": "/health/live",
                **({} if promises.django else {"livenessProbe": "/health/live"}),
                "readinessProbe": "/health/ready",
            }
            # A request would wait for one of the threads, which wait for a database that hangs.
            if promises.django and container.get("livenessProbe", {}).get("tcpSocket") != {"port": "http"}:
                yield f"{container['name']}: livenessProbe does not ask the port"
            for kind, path in wanted.items():
                probe = container.get(kind)
                if not probe or probe["httpGet"] != {"path": path, "port": "http"}:
                    yield f"{container['name']}: {kind} does not ask {path}"
                elif probe["timeoutSeconds"] < 5:
                    yield f"{container['name']}: {kind} gives up before the answer"
            live = container.get("livenessProbe", {})
            if live.get("timeoutSeconds", 1) < 5 or live.get("failureThreshold", 3) < 6:
                yield f"{container['name']}: a busy process would be restarted"
    for each in of_kind(objects, "ServiceMonitor"):
        for endpoint in each["spec"]["endpoints"]:
            if endpoint["path"] not in PATHS:
                yield f"{title(each)}: the service has no {endpoint['path']}"


def images(objects: list[Object], promises: Promises) -> Iterator[str]:
    """The service's image and nginx's, in versions that stay what they are, started by their own entry points."""
    found = {container["image"] for pods in workloads(objects) for container in pods.containers}
    if len(found) != (2 if promises.django else 1):
        yield f"other images: {', '.join(sorted(found))}"
    for pods in workloads(objects):
        if any("command" in container for container in pods.containers):
            yield f"{title(pods.owner)} leaves out the init of the image"
    for image in found:
        if not re.search(r"(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$", image):
            yield f"{image} may be another one tomorrow"


def sizes(objects: list[Object], promises: Promises) -> Iterator[str]:
    """Every container has its requests and limits, and the database has connections for all processes."""
    for pods in workloads(objects):
        for container in pods.containers:
            resources = container.get("resources", {})
            for resource in ("cpu", "memory"):
                for bound in ("requests", "limits"):
                    if resource not in resources.get(bound, {}):
                        yield f"{container['name']} has no {bound} of {resource}"
    (config,) = (each["data"] for each in of_kind(objects, "ConfigMap") if "ENVIRONMENT" in each.get("data", {}))
    workers, pool = int(config["WEB_CONCURRENCY"]), int(config["DATABASE_POOL_SIZE"])
    if promises.django and pool <= THREADS:
        yield f"{pool} connections are not enough for {THREADS} threads and a probe"
    connections = pool if promises.django else pool + 1  # FastAPI's probe has one of its own
    for each in of_kind(objects, "HorizontalPodAutoscaler"):
        most = each["spec"]["maxReplicas"]
        if not 2 <= each["spec"]["minReplicas"] < most:
            yield f"{title(each)} cannot scale"
        needed = 2 * most * workers * connections
        if needed + OTHERS > DATABASE_ALLOWS:
            yield f"{title(each)}: {needed} connections are too many"
        times = "\N{MULTIPLICATION SIGN}"
        if f"{2 * most} {times} {workers} {times} {connections} = {needed}" not in promises.cluster:
            yield f"docs/cluster.md does not say that {needed} connections are needed"


def hardening(objects: list[Object], promises: Promises) -> Iterator[str]:
    """Pods hold to the "restricted" standard, with a root that is read-only, and may write where they need to."""
    for each in of_kind(objects, "Namespace"):
        if each["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{title(each)} is not restricted"
    for each in of_kind(objects, "ServiceAccount"):
        if each.get("automountServiceAccountToken") is not False:
            yield f"{title(each)} has a token"
    for pods in workloads(objects):
        spec = pods.template["spec"]
        security = spec.get("securityContext", {})
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{title(pods.owner)} is told what it does not need"
        if not security.get("runAsNonRoot") or security.get("runAsUser") != promises.user:
            yield f"{title(pods.owner)} does not run as the image's user"
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{title(pods.owner)} may make any system call"
        volumes = {volume["name"]: volume.get("emptyDir") for volume in spec["volumes"]}
        for container in pods.containers:
            nginx = container["name"] == "nginx"
            wanted = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            if container.get("securityContext") != wanted:
                yield f"{container['name']} may do what it need not"
            mounts = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
            needed = {"/static" if container["name"] == "static" else "/tmp"}  # noqa: S108
            if {mount["mountPath"] for mount in mounts} != needed:
                yield f"{container['name']} does not only write to {needed}"
            for mount in mounts:
                volume = volumes[mount["name"]]
                if volume is None or "sizeLimit" not in volume or (volume.get("medium") == "Memory") is not nginx:
                    yield f"{container['name']}: {mount['mountPath']} is of the wrong kind"


def proxies(objects: list[Object], promises: Promises) -> Iterator[str]:
    """Only networks that an owner names may write where a request comes from, and the example is nobody's."""
    name = "TRUSTED_PROXIES" if promises.django else "FORWARDED_ALLOW_IPS"
    for each in of_kind(objects, "ConfigMap"):
        trusted = each["data"].get(name, "") if "ENVIRONMENT" in each["data"] else "192.0.2.0/24"
        if re.findall(r"[0-9a-f.:]+/\d+|\*", trusted) != ["192.0.2.0/24"]:
            yield f"{name} trusts {trusted}"


def variables(objects: list[Object], promises: Promises) -> Iterator[str]:
    """The service knows every variable that it is given."""
    given = {name for each in of_kind(objects, "ConfigMap") for name in each["data"] if name.isupper()}
    given |= set(re.findall(r"--from-literal=([A-Z_]+)=", promises.cluster))
    for name in sorted(given - promises.variables):
        yield f"{name} is no variable of the service's"
    required = {"ENVIRONMENT", "DATABASE_URL", "ALLOWED_HOSTS", "WEB_CONCURRENCY", "DATABASE_POOL_SIZE"}
    for name in sorted({*required, *({"SECRET_KEY"} if promises.django else ())} - given):
        yield f"{name} is required, and not given"
    hosts = {host for each in of_kind(objects, "HTTPRoute") for host in each["spec"]["hostnames"]}
    for each in of_kind(objects, "ConfigMap"):
        if "ALLOWED_HOSTS" in each["data"] and set(each["data"]["ALLOWED_HOSTS"].split(",")) != hosts:
            yield f"ALLOWED_HOSTS are not the route's {sorted(hosts)}"


def rollout(objects: list[Object], _: Promises) -> Iterator[str]:
    """Pods are replaced one by one, and a node drain evicts one at a time."""
    for each in of_kind(objects, "Deployment"):
        if each["spec"]["strategy"].get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{title(each)} takes pods away before others are ready"
        if "replicas" in each["spec"]:
            yield f"{title(each)} takes back what the autoscaler decided"
        keys = [s["topologyKey"] for s in Pods(each).template["spec"]["topologySpreadConstraints"]]
        if keys != ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]:
            yield f"{title(each)} is not spread"
    budgets = of_kind(objects, "PodDisruptionBudget")
    if [b["spec"].get("maxUnavailable") for b in budgets] != [1]:
        yield "there is not one budget, of one pod"
    for each in budgets:
        if each["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{title(each)} lets pods that never get ready keep their node"


def network(objects: list[Object], _: Promises) -> Iterator[str]:
    """Everything is closed, but for what is named."""
    policies = of_kind(objects, "NetworkPolicy")
    if not any(p["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for p in policies):
        yield "the network is open"
    for each in policies:
        for rule in [*each["spec"].get("ingress", []), *each["spec"].get("egress", [])]:
            peers = [*rule.get("from", []), *rule.get("to", [])]
            if not peers or not rule.get("ports"):
                yield f"{title(each)} opens more than it says"
            for peer in peers:
                block = peer.get("ipBlock", {})
                everywhere = block.get("cidr") == "0.0.0.0/0" and "10.0.0.0/8" not in block.get("except", [])
                if everywhere or peer.get("namespaceSelector") == {}:
                    yield f"{title(each)} opens the network to everybody"
    opened = {(port["port"]) for p in policies for r in p["spec"].get("egress", []) for port in r.get("ports", [])}
    if not {53, 5432} <= opened:
        yield "the service reaches no name server, or no database"


def routes(objects: list[Object], promises: Promises) -> Iterator[str]:
    """From outside, everything leads to the service, which answers 404 for /metrics, and only by HTTPS."""

    def leads(path: str) -> bool:
        rules = [
            (len(match["path"]["value"]), bool(rule.get("backendRefs")))
            for each in of_kind(objects, "HTTPRoute")
            for rule in each["spec"]["rules"]
            for match in rule.get("matches", [])
            if f"{path}/".startswith(match["path"]["value"].rstrip("/") + "/")
        ]
        return bool(rules) and max(rules)[1]  # the longest prefix counts

    for path in ("/", "/metricsx", *PATHS[:2]):
        if not leads(path):
            yield f"{path} leads nowhere"
    for each in of_kind(objects, "HTTPRoute"):
        encrypted = [parent.get("sectionName") == "https" for parent in each["spec"]["parentRefs"]]
        if any(rule.get("backendRefs") for rule in each["spec"]["rules"]) and not all(encrypted):
            yield f"{title(each)} leads to the service without TLS"


def gate(objects: list[Object], _: Promises) -> Iterator[str]:
    """What the migration needs comes before it, and the rest after it: in deploy.sh by label, in Argo CD by wave."""
    for each in objects:
        component = each["metadata"].get("labels", {}).get(COMPONENT)
        wave = int(each["metadata"].get("annotations", {}).get(WAVE, "0"))
        if each["kind"] == "Job":
            wanted: tuple[str | None, int] = ("migration", -1)
        elif each["kind"] == "Namespace":
            wanted = ("namespace", -2)  # which deploy.sh leaves to an administrator
        elif each["kind"] in {"ServiceAccount", "NetworkPolicy", "ExternalSecret"} or (
            each["kind"] == "ConfigMap" and each["metadata"]["name"] != "dashboard"
        ):
            wanted = (None, -2)
        elif each["kind"] == "ConfigMap":
            continue  # the dashboard, which nobody waits for
        else:
            wanted = ("web", 0)
        if (component, wave) != wanted:
            yield f"{title(each)} is not applied when it should be"
    for each in of_kind(objects, "Job"):
        if each["spec"]["backoffLimit"] != 0 or each["spec"]["template"]["spec"]["restartPolicy"] != "Never":
            yield f"{title(each)} repeats what has failed"


Check = Callable[[list[Object], Promises], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    *(selectors, ports, references, probes, images, sizes),
    *(hardening, proxies, variables, rollout, network, routes, gate),
)
