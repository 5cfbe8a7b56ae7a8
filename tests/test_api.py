"""Django's API is an option: without it, nothing of it is left, and resources have pages alone."""

import re
from pathlib import Path

import pytest

from tests.projects import QUICK, set_up
from tests.tools import commit_all, render, tree

# The lock has the packages of all options; resource.py calls names of Python and Django an API.
ELSEWHERE = ("uv.lock", ".copier-answers.yml", "docs/decisions/", "scripts/resource.py")


@pytest.mark.option("no_api")
def test_nothing_is_left_of_an_api(template: Path, tmp_path: Path) -> None:
    answers = {"pages": True, "login": "allauth", "admin": "django", "target": ["compose", "kubernetes"]}
    trace = re.compile(
        r"ninja|API_DOCS|api_docs|openapi|/api\b|\bapi\.py|import api\b|is_api|Operations require", re.IGNORECASE
    )

    def traces(api: str) -> dict[str, list[str]]:
        files = tree(render(template, tmp_path / api, framework="django", api=api, **answers))
        found = {name: trace.findall(text.decode()) for name, text in files.items() if not name.startswith(ELSEWHERE)}
        return {name: words for name, words in found.items() if words and "cluster.md" not in name}

    assert traces("none") == {}
    assert {"pyproject.toml", "README.md", "docs/operations.md", "my_service/urls.py"} <= {*traces("ninja")}


@pytest.mark.slow
@pytest.mark.option("no_api")
def test_a_resource_without_an_api_has_pages(template: Path, tmp_path: Path) -> None:
    project = set_up(render(template, tmp_path / "service", framework="django", api="none", admin="stock"))
    commit_all(project.path, "Start", init=True)
    project.poe("resource", "orders", "--belongs-to", "items")
    assert "orders_refer_to_items" in (project.path / "tests" / "orders" / "test_pages.py").read_text()
    # Copies of what has a foreign key itself.
    project.poe("resource", "order_lines", "--like", "orders", "--belongs-to", "orders")
    project.poe("resource", "parts", "--like", "order_lines", "--belongs-to", "order_lines")
    refused = project.poe("resource", "gifts", "--like", "orders", "--belongs-to", "items", code=1)
    assert "items: the copy has a field item already\nNothing was changed." in refused
    project.poe("check", PYTEST_ADDOPTS=QUICK)
