"""The last message of `new` names what the project has, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundplan.template import Outcome, Template, fetched, resolve
from tests.matrix import Row, model, title
from tests.test_template import rendered
from tests.tools import ROOT


@pytest.fixture(scope="module")
def questionnaire(template: Path) -> Iterator[Template]:
    with fetched(resolve(str(template), None), to_render=False) as questions:
        yield questions


def files(outcome: Outcome) -> set[str]:
    """The paths in the project: the folders of the options that it has are laid over its root."""
    root, has = ROOT / f"template_{outcome.answers['framework']}", outcome.answers["has"]
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {rendered(path) for path in paths if all(has[name] for name in re.findall(r"{{ has\.(\w+) }}", str(path)))}


def tasks(framework: str) -> set[str]:
    files = [
        file for name in (framework, "shared") for file in (ROOT / f"template_{name}").rglob("poe_tasks*.toml.jinja")
    ]
    texts = [file.read_text() for file in files]
    return set(re.findall(r"^\[tasks\.([\w-]+)\]", "\n".join(texts), re.MULTILINE))


@pytest.mark.parametrize("row", model().rows(), ids=title)
def test_it_names_what_the_project_has(questionnaire: Template, row: Row) -> None:
    """Questions that are not asked have defaults, such as pages of a FastAPI project: they count for nothing."""
    outcome = questionnaire.decide(row)
    text = outcome.farewell()
    has_admin = row.get("admin", "none") != "none"
    pages = {"/", *(["/api/docs"] if row.get("api") != "none" else []), *(["/admin/"] if has_admin else [])}
    assert set(re.findall(r"http://127\.0\.0\.1:8000(\S+)", text)) == pages
    documents = set(re.findall(r"[\w./-]+\.md\b", text))
    assert "README.md" in documents
    assert documents <= files(outcome)
    commands = set(re.findall(r"\bpoe ([\w-]+)", text))
    assert "run" in commands
    assert commands <= tasks(row["framework"])
    assert ("first administrator" in text) is has_admin
    assert ("createsuperuser" in text) is (has_admin and row["framework"] == "django")
    assert ("S3" in text) is (row.get("media") == "s3")
