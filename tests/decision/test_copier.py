"""The decision in Copier: the real questionnaire with two tiny templates."""

import shutil
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests.decision.engine import answers_for, decide
from tests.tools import QUESTIONNAIRE, ROOT, commit_all, run

FACTS = yaml.safe_load((ROOT / "extensions" / "options.yml").read_text())
OWNERS = [
    "README.md", "LICENSE", "uv.lock", ".env.example", "migrations/versions/0001.py", "tests/conftest.py",
    "tests/items/test_api.py", "{{ slug }}/__init__.py", "{{ slug }}/environment.py", "{{ slug }}/items/api.py",
    "docs/decisions/0001-web-framework.md",
]  # fmt: skip
TEMPLATES = [
    "pyproject.toml", "conftest.py", "migrations/env.py", "docs/operations.md", "tests/core/test_health.py",
    "{{ slug }}/core/app.py", "{{ slug }}/core/web/errors.py",
]  # fmt: skip


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The questionnaire and its extensions, with two files to render."""
    template = tmp_path / "template"
    template.mkdir()
    shutil.copy2(ROOT / "copier.yml", template)
    for directory in ("extensions", "template_shared"):
        shutil.copytree(ROOT / directory, template / directory)
    for framework in ("django", "fastapi"):
        root = template / f"template_{framework}"
        root.mkdir()
        (root / "pyproject.toml").write_text(f"{framework} 1\n")
        (root / "{{ _copier_conf.answers_file }}.jinja").write_text("{{ _copier_answers | to_nice_yaml -}}\n")
    return template


def copy(template: Path, destination: Path, **data: Any) -> dict[str, Any]:
    worker = copier.run_copy(str(template), destination, data=data, defaults=True, quiet=True, vcs_ref="HEAD")
    return dict(worker.answers.combined)


def recorded(project: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((project / ".copier-answers.yml").read_text()))


@pytest.mark.parametrize("product", ["web_app", "realtime", "pipeline"])
def test_copier_makes_the_same_decision_and_accepts_it(tiny: Path, tmp_path: Path, product: str) -> None:
    answers = copy(tiny, tmp_path / "service", product=product)
    expected = decide(answers_for(product))
    assert answers["decision"] == expected
    assert answers["framework"] == expected["recommended"]
    assert {name: answers[name] for name in answers_for(product)} == answers_for(product)
    if answers["framework"] == "neither":
        assert not (tmp_path / "service").exists()
    else:
        assert recorded(tmp_path / "service")["decision"] == expected
        assert (tmp_path / "service" / "pyproject.toml").read_text() == f"{answers['framework']} 1\n"


def test_neither_says_why_and_leaves_a_directory_as_it_is(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "service").mkdir()
    copier.run_copy(str(tiny), tmp_path / "service", data={"product": "pipeline"}, defaults=True)
    assert list((tmp_path / "service").iterdir()) == []
    printed = " ".join(capfd.readouterr().err.split())
    assert "Nothing was written." in printed
    assert "Better: Prefect or Airflow." in printed
    assert "--data framework=django" in printed


def test_a_user_may_insist(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copier.run_copy(str(tiny), tmp_path / "service", data={"product": "script", "framework": "django"}, defaults=True)
    assert recorded(tmp_path / "service")["decision"]["recommended"] == "neither"
    printed = capfd.readouterr().err
    for step in ("git init", "git commit", "uv sync", "uv run poe migrate", "uv run poe run"):
        assert step in printed


@pytest.mark.parametrize(
    ("answers", "target"),
    [
        ({"product": "serverless"}, ["serverless"]),
        ({"product": "serverless", "framework": "django"}, []),
        ({"product": "serverless", "live_connections": True}, []),
        ({"product": "data_platform", "horizon": "enterprise"}, ["compose", "kubernetes"]),
        ({"product": "web_app"}, ["compose"]),
        ({"product": "serverless", "target": ["kubernetes"]}, ["kubernetes"]),
    ],
)
def test_a_feature_follows_from_the_criteria_unless_it_is_answered(
    tiny: Path, tmp_path: Path, answers: dict[str, Any], target: list[str]
) -> None:
    assert copy(tiny, tmp_path / "service", **answers)["target"] == target


@pytest.mark.parametrize(
    ("answers", "media"),
    [
        ({"product": "web_app"}, "local"),
        ({"product": "cms", "target": ["kubernetes"]}, "s3"),
        ({"product": "cms", "target": ["compose", "kubernetes"]}, "s3"),
        ({"product": "internal_tool", "horizon": "enterprise"}, "s3"),
        ({"product": "data_platform", "rendering": "api", "target": ["kubernetes"], "framework": "django"}, "none"),
        ({"product": "web_app", "media": "none"}, "none"),
    ],
)
def test_a_feature_follows_from_an_earlier_one(tiny: Path, tmp_path: Path, answers: dict[str, Any], media: str) -> None:
    """Pods share no disk."""
    assert copy(tiny, tmp_path / "service", **answers)["media"] == media


@pytest.mark.parametrize(
    ("criteria", "question", "answer"),
    [
        ({"background": "essential"}, "tasks", "none"),
        ({"live_connections": True, "rendering": "both"}, "live", "none"),
        ({"product": "ml_serving"}, "ml_serving", False),
    ],
)
def test_a_function_has_nothing_that_keeps_running(
    tiny: Path, tmp_path: Path, criteria: dict[str, Any], question: str, answer: object
) -> None:
    """Each of them would follow from the criteria, and cannot be combined with AWS Lambda."""
    answers = {"product": "rest_api", "framework": "fastapi", **criteria, "target": ["serverless"]}
    assert copy(tiny, tmp_path / "service", **answers)[question] == answer


def test_every_default_of_a_feature_is_one_of_its_choices() -> None:
    for question, entries in FACTS["defaults"].items():
        details = QUESTIONNAIRE[question]
        assert "answers" not in entries[-1]  # there is always a default
        for entry in entries:
            values = entry["value"] if details.get("multiselect") else [entry["value"]]
            choices = {True, False} if details["type"] == "bool" else set(details["choices"].values())
            assert set(values) <= choices
            assert "answers" in entry or "because" not in entry


def test_every_answer_is_recorded(tiny: Path, tmp_path: Path) -> None:
    copy(tiny, tmp_path / "service", product="realtime", live_connections=False)
    answers = recorded(tmp_path / "service")
    assert answers["live_connections"] is False
    assert {*answers_for("realtime"), "framework", "decision"} <= set(answers)


def test_a_wrong_value_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Invalid choice"):
        copy(tiny, tmp_path / "service", product="cms", team="cobol")
    assert not (tmp_path / "service").exists()


@pytest.fixture
def project(tiny: Path, tmp_path: Path) -> Path:
    """A committed project of the tiny template's first version, with files of the owner and of the template."""
    for name in [*OWNERS, *TEMPLATES]:
        file = tiny / "template_fastapi" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("fastapi 1\n")
    commit_all(tiny, "First version", init=True)
    run("git", "tag", "v1.0.0", cwd=tiny)
    project = tmp_path / "service"
    copier.run_copy(str(tiny), project, data={"product": "rest_api", "slug": "svc"}, defaults=True, quiet=True)
    commit_all(project, "Start", init=True)
    return project


def release(template: Path) -> None:
    """Commit a second version, in which every file differs and the weights favour the other framework."""
    for file in (template / "template_fastapi").rglob("*"):
        if file.is_file() and file.suffix != ".jinja":
            file.write_text("fastapi 2\n")
    criteria = template / "extensions" / "criteria.yml"
    criteria.write_text(criteria.read_text().replace("\n        fastapi: ", "\n        fastapi: 0 #"))
    commit_all(template, "Second version")
    run("git", "tag", "v2.0.0", cwd=template)


def test_an_update_keeps_the_decision_and_what_the_owners_did(tiny: Path, project: Path) -> None:
    before = recorded(project)
    owners = [Path(name.replace("{{ slug }}", "svc")) for name in OWNERS]
    for name in owners[::2]:
        (project / name).write_text("owner\n")
    for name in owners[1::2]:
        (project / name).unlink()
    (project / "svc" / "orders.py").write_text("owner\n")
    commit_all(project, "Make it ours")
    release(tiny)
    assert copy(tiny, project.parent / "another", product="rest_api")["framework"] == "django"

    copier.run_update(project, defaults=True, overwrite=True, quiet=True)

    after = recorded(project)
    assert after.pop("_commit") == "v2.0.0"
    assert before.pop("_commit") == "v1.0.0"
    assert after == before
    assert after["framework"] == "fastapi"
    assert run("git", "ls-files", "--unmerged", cwd=project) == ""
    assert not list(project.rglob("*.rej"))
    for name in owners[::2]:
        assert (project / name).read_text() == "owner\n"
    assert not [name for name in owners[1::2] if (project / name).exists()]
    for template_owned in TEMPLATES:
        assert (project / template_owned.replace("{{ slug }}", "svc")).read_text() == "fastapi 2\n"


def test_a_project_never_becomes_neither(tiny: Path, project: Path) -> None:
    release(tiny)
    with pytest.raises(ValueError, match="cannot change"):
        copier.run_update(project, data={"framework": "neither"}, defaults=True, overwrite=True, quiet=True)
    assert run("git", "status", "--porcelain", cwd=project) == ""
