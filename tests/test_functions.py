"""Projects for AWS Lambda: their own tests on PostgreSQL, and their archive."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.postgres import Server
from tests.projects import UV, set_up
from tests.tools import render, render_anew


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("auth", ["none", "jwt"])
def test_functions_work_on_postgresql(auth: str, template: Path, tmp_path: Path, postgres: Server) -> None:
    project = set_up(render(template, tmp_path / "service", framework="fastapi", target=["serverless"], auth=auth))
    tests = ["tests/core/test_functions.py", "tests/core/test_functions_deployment.py"]
    tests += ["tests/core/test_function_mail.py"] if auth == "jwt" else []
    done = project.run("pytest", "-q", *tests, DATABASE_URL=postgres.url, ENV_FILE=".env.test", UV=str(UV))
    assert "skipped" not in done


@pytest.mark.in_turn
@pytest.mark.slow
def test_the_archive_is_the_same_each_time(template: Path, tmp_path: Path) -> None:
    project = set_up(render(template, tmp_path / "service", framework="fastapi", target=["serverless"]))
    found = set()
    for _ in range(2):
        assert "MiB, unpacked" in project.poe("archive", UV=str(UV))
        found.add(hashlib.sha256((project.path / "build" / "service.zip").read_bytes()).hexdigest())
    assert len(found) == 1


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("tasks", "taskiq", "no workers"),
        ("live", "websocket", "no streams"),
        ("live", "sse", "no streams"),
        ("ml_serving", True, "no batches"),
    ],
)
def test_what_keeps_running_is_refused(question: str, answer: object, why: str, template: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"Not with serverless: {why}"):
        render_anew(template, tmp_path / "service", framework="fastapi", target=["serverless"], **{question: answer})


@pytest.mark.parametrize("other", ["compose", "kubernetes"])
def test_it_is_the_only_target(other: str, template: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Not with .*: choose one"):
        render_anew(template, tmp_path / "service", framework="fastapi", target=["serverless", other])


def test_its_pipeline_builds_but_does_not_deploy(template: Path, tmp_path: Path) -> None:
    github = render(template, tmp_path / "github", framework="fastapi", target=["serverless"], ci="github")
    assert "service.zip" in (github / ".github" / "workflows" / "release.yml").read_text()
    check = (github / ".github" / "workflows" / "check.yml").read_text()
    assert check.index("poe archive") < check.index("poe lint-functions") < check.index("\n  api:")
    assert not (github / ".github" / "workflows" / "deploy.yml").exists()
    assert "deploy.yml" not in (github / ".github" / "workflows" / "release.yml").read_text()
    gitlab = render(template, tmp_path / "gitlab", framework="fastapi", target=["serverless"], ci="gitlab")
    assert "poe archive" in (gitlab / ".gitlab" / "ci" / "serverless.yml").read_text()
    assert "stages: [check, release]" in (gitlab / ".gitlab-ci.yml").read_text()


@pytest.mark.parametrize("auth", ["none", "jwt", "oidc"])
def test_its_pages_name_nothing_of_servers(auth: str, template: Path, tmp_path: Path) -> None:
    """No other target may be selected beside it, so what only servers have would mislead."""
    path = render(template, tmp_path / "service", framework="fastapi", target=["serverless"], auth=auth)
    assert sorted(each.name for each in (path / "deploy").iterdir()) == ["pipeline", "serverless"]
    pages = [path / "README.md", *(path / "docs").glob("*.md")]
    words = re.compile("kubectl|docker compose|grafana|prom(ql|etheus)|nginx|cronjob|prestop|sigterm", re.IGNORECASE)
    assert {(page.name, found[0]) for page in pages for found in words.finditer(page.read_text())} == set()
    assert ("MailErrors" in (path / "docs/runbooks.md").read_text()) == (auth == "jwt")
