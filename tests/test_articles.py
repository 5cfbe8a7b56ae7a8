"""Articles: the example of content sites."""

import re
from pathlib import Path

import pytest

from tests.projects import set_up_alone
from tests.recipes import follow
from tests.tools import render, render_anew, tree

CMS = {"framework": "django", "product": "cms", "login": "allauth"}


def has_articles(project: Path) -> bool:
    return any("articles" in name for name in tree(project))


@pytest.mark.option("articles")
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, True),
        ({"product": "web_app"}, False),
        ({"pages": False}, False),
        ({"admin": "stock"}, False),
        ({"example": "none"}, False),
        ({"product": "web_app", "admin": "django", "example": "articles"}, True),
    ],
)
def test_content_sites_get_articles(template: Path, tmp_path: Path, answers: dict[str, object], expected: bool) -> None:
    """Unless they have no pages, or an admin without groups."""
    assert has_articles(render(template, tmp_path / "service", **CMS | answers)) == expected


@pytest.mark.parametrize(("answers", "why"), [({"pages": False}, "Needs pages"), ({"admin": "stock"}, "Needs admin")])
def test_what_articles_need_cannot_be_left_out(
    template: Path, tmp_path: Path, answers: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        render_anew(template, tmp_path / "service", **CMS | answers | {"example": "articles"})


@pytest.mark.slow
def test_the_recipe_adds_wagtail(template: Path, tmp_path: Path) -> None:
    """As docs/wagtail.md says."""
    project = set_up_alone(render(template, tmp_path / "service", slug="service", **CMS))
    for name in ("cms/__init__.py", "cms/migrations/__init__.py"):
        (project.package / name).parent.mkdir(parents=True, exist_ok=True)
        (project.package / name).touch()
    follow(project, page="wagtail.md")
    commands = re.findall(r"^uv run poe (.+)$", (project.path / "docs/wagtail.md").read_text(), re.MULTILINE)
    assert commands == ["migrations cms", "format", "migrate"]
    for command in commands:
        project.poe(*command.split(), code=0)
    project.poe("lint")
    project.poe("types")
    project.run("pytest", "-q", "tests/test_cms.py", "tests/core/test_admin.py", "tests/articles")
