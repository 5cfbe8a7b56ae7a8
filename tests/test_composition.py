"""Options add containers and tasks: Compose's files and poe's include theirs. See also tests/deployment."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.matrix import described, model
from tests.owner import replace
from tests.test_template import rendered
from tests.tools import FRAMEWORKS, OPTIONS, ROOT, commit_all, made_once, render_anew, run, shared

QUESTION = """
queue:
  type: str
  when: "{{ framework != 'neither' }}"
  help: Which queue does it use?
  choices:
    Valkey: worker
    None: none
  default: none
  validator: "{% from 'extensions/options.jinja' import refused %}{{ refused('queue', queue, _copier_answers) }}"

# --- Computed"""
FACTS = """
  queue:
    worker:
      includes:
        compose.worker.yaml: &valkey {needed: [valkey], environment: {QUEUE_URL: "valkey://valkey:6379"}}
        deploy/compose/compose.worker.yaml: *valkey
        poe_tasks.worker.toml: {}

# Combinations, for files"""
FOLDER = {
    "{{ has.compose }}/compose.worker.yaml": """
services:
  valkey:
    image: valkey/valkey:8
    healthcheck: {test: ["CMD", "valkey-cli", "ping"]}
  worker:
    extends: {file: compose.yaml, service: migrate}
    command: poe --executor simple work
""",
    "{{ has.compose }}/deploy/compose/compose.worker.yaml": """
services:
  valkey:
    extends: {file: common.yaml, service: container}
    image: valkey/valkey:8
    volumes: ["valkey:/data"]
    networks: [database]
    deploy: {resources: {limits: {cpus: "1", memory: 128M, pids: 64}}}
    healthcheck: {test: ["CMD", "valkey-cli", "ping"]}
  worker:
    extends: {file: common.yaml, service: service}
    command: work
    networks: [database, front]
    deploy: {resources: {limits: {cpus: "1", memory: 128M, pids: 64}}}
    healthcheck: {test: ["CMD", "true"]}
    depends_on:
      valkey: {condition: service_healthy}
volumes:
  valkey:
""",
    "poe_tasks.worker.toml": """
[tasks.work]
help = "Work off the queue"
cmd = "echo working"
""",
}


def with_a_queue(template: Path) -> Path:
    """The template with one more option, which has a container in production and in development, and a task."""

    def make(clone: Path) -> None:
        run("git", "clone", "--quiet", template, clone)
        replace(clone / "copier.yml", "\n# --- Computed", QUESTION)
        replace(clone / "extensions" / "options.yml", "\n# Combinations, for files", FACTS)
        for framework in FRAMEWORKS:
            for name, text in FOLDER.items():
                file = clone / f"template_{framework}" / "{{ has.worker }}" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        commit_all(clone, "Add a queue")

    return made_once(shared() / "with_a_queue" / "template", make)


def poe(project: Path, *arguments: str) -> str:
    return run(Path(sys.executable).with_name("poe"), "--directory", project, "--executor", "simple", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_poe_has_the_tasks_of_an_option(template: Path, tmp_path: Path, framework: str) -> None:
    project = render_anew(with_a_queue(template), tmp_path / "with", framework=framework, queue="worker")
    listed = poe(project, "--help")
    assert "Work off the queue" in listed
    assert "Apply migrations" in listed
    assert "working" in poe(project, "work")
    project = render_anew(with_a_queue(template), tmp_path / "without", framework=framework, target=["kubernetes"])
    assert "Work off the queue" not in poe(project, "--help")
    assert "include" not in (project / "poe_tasks.toml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_compose_includes_the_files_of_options_only(template: Path, tmp_path: Path, framework: str) -> None:
    own = {"django": ["compose.files.yaml"], "fastapi": []}[framework]
    for queue, added in (("worker", ["compose.worker.yaml"]), ("none", [])):
        project = render_anew(with_a_queue(template), tmp_path / queue, framework=framework, queue=queue)
        for directory, expected in ((project, added), (project / "deploy/compose", own + added)):
            main = yaml.safe_load((directory / "compose.yaml").read_text())
            assert main.get("include", []) == expected
            assert sorted(path.name for path in directory.glob("compose.*.yaml")) == sorted(expected)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_facts_and_files_agree(framework: str) -> None:
    """The bots that update images know Compose's files by such names."""
    root = ROOT / f"template_{framework}"
    names = {rendered(path.relative_to(root)) for path in root.rglob("*.*.*") if path.is_file()}
    facts = [
        fact
        for _, question, answer, only, fact in described(OPTIONS["options"])
        if only in (None, framework) and model().can_have(framework, question, answer)
    ]
    assert {
        name for name in names if re.fullmatch(r"(deploy/compose/)?compose\.\w+\.yaml|poe_tasks\.\w+\.toml", name)
    } == {path for fact in facts for path in fact.get("includes", ())}
