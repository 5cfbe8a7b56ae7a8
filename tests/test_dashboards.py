"""The dashboard, the alerts and their runbooks: read by the programs they are for, about services under load."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import prometheus
from tests.postgres import Server
from tests.projects import Service, ask, in_production
from tests.prometheus import Prometheus
from tests.tools import FRAMEWORKS, render, run, tree

MISSING = [name for name in ("prometheus", "promtool", "jq") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"NOBODY READ THE ALERTS: no {', '.join(MISSING)}; apt-get install prometheus jq"
    ),
]

JOB = "my_service"  # the package of a project from the default answers
VARIABLES = {"$job": JOB, "$instance": ".*", "$__rate_interval": "10s"}
SELECTOR = re.compile(r"\b(?:(?:job:)?(?:http_server|db_client|process)_[a-z0-9_:]+|up\b)(?:\{[^}]*\})?")
PATIENCE = 90  # seconds in which every query has to find something


@pytest.fixture(scope="module", params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(template, tmp_path_factory.mktemp("dashboards") / "service", framework=request.param)


def rules(project: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((project / "deploy/prometheus/rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels(project: Path) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = dashboard(project)["panels"]
    return content


def dashboard(project: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project / "deploy/grafana/dashboard.json").read_text())
    return content


def expressions(project: Path) -> list[str]:
    """Every query of the dashboard, with its variables filled in."""
    queries = [target["expr"] for panel in panels(project) for target in panel.get("targets", [])]
    annotations = dashboard(project)["annotations"]["list"]
    queries += [annotation["target"]["expr"] for annotation in annotations if "target" in annotation]
    for name, value in VARIABLES.items():
        queries = [query.replace(name, value) for query in queries]
    return queries


def code_of(project: Path, language: str) -> list[str]:
    """The runbooks' blocks of code in a language."""
    text = (project / "docs/runbooks.md").read_text()
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def test_both_frameworks_get_the_same(template: Path, tmp_path: Path) -> None:
    """In Django, a pool has a connection for each thread: requests cannot exhaust it."""
    fastapi, django = (render(template, tmp_path / name, framework=name) for name in ("fastapi", "django"))
    assert tree(django / "deploy/grafana") == tree(fastapi / "deploy/grafana")
    assert [rule for rule in rules(fastapi) if rule.get("alert") != "DatabasePoolExhausted"] == rules(django)
    assert len(rules(fastapi)) == len(rules(django)) + 1


def test_the_rules_exist_once(template: Path, tmp_path: Path) -> None:
    """As Prometheus reads them, or in a cluster as its operator does."""
    for target in ([], ["compose"], ["kubernetes"], ["compose", "kubernetes"]):
        project = render(template, tmp_path / "-".join(("x", *target)), framework="fastapi", target=target)
        (found,) = [path for path in (project / "deploy").rglob("*.y*ml") if "alert: ServiceDown" in path.read_text()]
        assert (found.name == "rules.yaml") == ("kubernetes" in target)


def test_prometheus_accepts_its_configuration(project: Path) -> None:
    assert "SUCCESS: 1 rule files found" in run(
        "promtool", "check", "config", "--lint-fatal", "prometheus.yml", cwd=project / "deploy/prometheus"
    )


def test_alerts_fire_when_they_should(project: Path) -> None:
    run("promtool", "test", "rules", "rules_test.yml", cwd=project / "deploy/prometheus")


def test_alerts_of_a_cluster_fire_when_they_should(template: Path, tmp_path: Path) -> None:
    """The operator's form of the rules has one alert more; the pipeline takes them out of it likewise."""
    options = {"live": "websocket", "tasks": "django_tasks"}
    project = render(template, tmp_path / "service", framework="django", target=["kubernetes"], **options)
    directory = project / "deploy/prometheus"
    command = re.findall(r"^# Run: (.*)", (directory / "rules_test.yml").read_text())[0]
    run("bash", "-euc", command, cwd=directory)
    assert "NoPodReady" in (directory / "rules.yml").read_text()
    test_every_alert_is_tested_and_has_a_runbook(project)


def test_every_alert_is_tested_and_has_a_runbook(project: Path) -> None:
    alerts = {rule["alert"]: rule for rule in rules(project) if "alert" in rule}
    tested = re.findall(r'alertname="(\w+)"', (project / "deploy/prometheus/rules_test.yml").read_text())
    sections = re.findall(r"^## (.+)$", (project / "docs/runbooks.md").read_text(), re.MULTILINE)
    assert set(tested) == set(alerts)
    assert sections[-1] == "Data is gone"
    assert sorted(sections[:-1]) == sorted(alerts)
    for rule in rules(project):
        if name := rule.get("alert"):
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert set(rule["annotations"]) == {"summary", "description", "runbook"}
            assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"


def test_runbooks_lead_somewhere(project: Path) -> None:
    text = (project / "docs/runbooks.md").read_text()
    anchors = {heading.lower() for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\(#(\w+)\)", text)) <= anchors


def test_the_dashboard_can_be_imported(project: Path) -> None:
    """No faults that Grafana would silently fix, and no overlapping panels."""
    board = dashboard(project)
    assert board["id"] is None
    assert board["schemaVersion"] == 41
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job", "instance"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        if panel["type"] == "row":
            continue
        source = {"type": "prometheus", "uid": "${datasource}"}
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters))
        assert panel["title"]
        assert panel["description"]
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"]


def test_panels_do_not_overlap(project: Path) -> None:
    places = [panel["gridPos"] for panel in panels(project)]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.option("live")
@pytest.mark.option("ml_serving")
@pytest.mark.option("quotes")
@pytest.mark.option("django_tasks", "celery", "taskiq")
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_dashboard_shows_options(template: Path, tmp_path: Path, framework: str) -> None:
    """Every metric that an alert reads, under the project's name for it, in queries that Prometheus accepts."""
    options: dict[str, Any] = {"live": "websocket", "tasks": "celery"}
    if framework == "fastapi":
        options |= {"tasks": "taskiq", "ml_serving": True, "example": "quotes"}
    project = render(template, tmp_path / "service", framework=framework, **options)
    test_every_alert_is_tested_and_has_a_runbook(project)
    if framework == "fastapi":  # those of Django's options fire in a cluster, above
        test_alerts_fire_when_they_should(project)
    test_the_dashboard_can_be_imported(project)
    test_panels_do_not_overlap(project)
    shown, read = (
        set(re.findall(r"\b(?:jobs|live|model|quotes?)_[a-z_]+(?=[{[])", "\n".join(queries)))
        for queries in (expressions(project), [rule["expr"] for rule in rules(project)])
    )
    of_fastapi = {"model", "quote", "quotes"} if framework == "fastapi" else set()
    assert {name.partition("_")[0] for name in shown} == {"jobs", "live"} | of_fastapi
    assert read <= shown
    code = "".join(path.read_text() for path in (project / JOB).rglob("metrics.py"))
    for name in shown:
        assert re.search(rf'"{re.sub("_(bucket|count|sum|total)$", "", name)}(_total)?"', code), name

    queries = [*expressions(project), *code_of(project, "promql")]
    found = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": found}]}))
    run("promtool", "check", "rules", "rules.yml", cwd=tmp_path)


def test_the_objective_for_latency_is_the_bound_of_a_bucket(project: Path) -> None:
    metrics = (project / JOB / "core/metrics.py").read_text()
    buckets = re.findall(r"[\d.]+", re.findall(r"buckets=\((.*?)\)", metrics, re.DOTALL)[0])
    assert set(re.findall(r'le="([\d.]+)"', (project / "deploy/prometheus/rules.yml").read_text())) <= set(buckets)


# --- Under load ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """A service under load, and the Prometheus that scrapes it."""

    service: Service
    prometheus: Prometheus
    postgres: Server
    log: Path

    def load(self) -> None:
        """Sends some requests of every kind; those without tables fail."""
        items = f"{self.service.url}/api/v1/items"
        kinds: list[tuple[Any, ...]] = [
            (items,),
            (items, "POST", {"name": f"Lamp {time.monotonic_ns()}"}),
            (items, "POST", {"name": ""}),
            (f"{items}/999999",),
            (f"{self.service.url}/nothing",),
        ]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda kind: ask(*kind), kinds * 4))
            self.move_tables("public", "away")
            try:
                statuses = {answer.status for answer in pool.map(lambda _: ask(items), range(4))}
            finally:
                self.move_tables("away", "public")
            assert statuses == {500}

    def move_tables(self, here: str, there: str) -> None:
        self.postgres.query(f"ALTER SCHEMA {here} RENAME TO {there}", self.service.variables["DATABASE_URL"])


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"dashboards-{name}")) for name in FRAMEWORKS],
)
def watched(
    request: pytest.FixtureRequest, template: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp(f"watched-{request.param}")
    with in_production(template, request.param, directory, postgres) as service:
        configuration = directory / "prometheus"
        shutil.copytree(service.project.path / "deploy/prometheus", configuration)
        for file in (configuration / "prometheus.yml", configuration / "rules.yml"):
            text = re.sub(r"interval: (15|30)s", "interval: 1s", file.read_text())
            text = re.sub(r" +- 10\.231\.83\.12:8000\n", "", text)  # one instance is enough here
            file.write_text(text.replace("10.231.83.11:8000", service.url.removeprefix("http://")))
        with prometheus.start(configuration) as server:
            yield Watched(service, server, postgres, directory / "log")


def test_every_query_finds_something(watched: Watched) -> None:
    """No panel is empty, and no alert is silent because it asks for what is not there."""
    project, server = watched.service.project.path, watched.prometheus
    wanted = {*expressions(project), *code_of(project, "promql")}
    for rule in rules(project):
        if "record" in rule:
            wanted |= {rule["expr"], rule["record"]}
        else:  # an alert is empty while all is well, but what it looks at is not
            wanted |= set(SELECTOR.findall(re.sub(r"by \(.*?\)", "", rule["expr"])))
    deadline = time.monotonic() + PATIENCE
    while wanted := {query for query in wanted if not server.query(query)}:
        assert time.monotonic() < deadline, wanted
        watched.load()

    for group in server.api("rules")["groups"]:
        for rule in group["rules"]:
            assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]
    firing = [alert["labels"] | alert["annotations"] for alert in server.api("alerts")["alerts"]]
    assert [alert for alert in firing if alert["alertname"] == "AvailabilityBudgetBurn" and alert["severity"] == "page"]
    for variable in dashboard(project)["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.findall(r"label_values\((.*), (\w+)\)", variable["definition"])[0]
            assert server.api(f"label/{label}/values", **{"match[]": series.replace("$job", JOB)}), variable


def test_numbers_are_those_of_the_service(watched: Watched) -> None:
    """Of all its workers together: every request that has its line in the log is counted, and nothing else."""
    watched.load()
    server = watched.prometheus
    deadline = time.monotonic() + PATIENCE
    while True:
        counted = server.query("http_server_request_duration_seconds_count")
        logged = watched.log.read_text().count('"event": "request"')
        if sum(value for _, value in counted) == logged:
            break
        assert time.monotonic() < deadline, (logged, counted)
    statuses = {labels["http_response_status_code"] for labels, _ in counted}
    assert statuses >= {"200", "201", "404", "422", "500"}
    assert {labels["http_route"] for labels, _ in counted} == {"/api/v1/items", "/api/v1/items/{item_id}", "unmatched"}


def test_what_the_runbooks_tell_to_run_runs(watched: Watched) -> None:
    watched.load()
    project, variables = watched.service.project.path, watched.service.variables
    for block in code_of(project, "sql"):
        watched.postgres.query(block, variables["DATABASE_URL"])
    shell = f'set -euo pipefail; logs() {{ cat "{watched.log}"; }}\n'
    printed = [run("bash", "-c", shell + block) for block in code_of(project, "shell")]
    assert '[500,"/api/v1/items"]' in printed[0]
    assert 'relation "items' in printed[0]
