"""Copier's private API: only one module uses it, and all of it still exists."""

import inspect
from pathlib import Path

import pytest

from groundplan import internals
from groundplan.git import check_out, known_settings, without
from tests.private_names import private_names
from tests.tools import ROOT, commit_all, run

MODULES = sorted((ROOT / "groundplan").glob("*.py"))
QUESTION = ("var_name", "answers", "context", "jinja_env", "choices", "multiselect", "default", "type", "when", "ask")
OPTIONS = ("src_path", "dst_path", "vcs_ref", "data", "exclude", "defaults", "overwrite", "pretend", "quiet")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_one_module_uses_private_names(module: Path) -> None:
    assert bool(private_names(module.read_text())) is (module.stem == "internals")


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (internals.Worker, ("run_copy", "run_update", "template", "subproject", "jinja_env", "_render_string")),
        (internals.Worker, ("_ask", "_render_context")),
        (internals.Question, ("parse_answer", "get_when", "get_default", "_formatted_choices")),
        (internals.Question, ("get_questionary_structure", "get_message")),
        (internals.AnswersMap, ("combined",)),
    ],
)
def test_they_have_what_is_used(owner: type, names: tuple[str, ...]) -> None:
    assert [name for name in names if not hasattr(owner, name)] == []


@pytest.mark.parametrize(
    ("made", "parameters"),
    [
        (internals.Worker, (*OPTIONS, "skip_answered")),
        (internals.Question, QUESTION),
        (internals.get_repo, ("url",)),
        (internals.get_latest_tag, ("url",)),
    ],
)
def test_they_take_what_is_given(made: object, parameters: tuple[str, ...]) -> None:
    assert callable(made)
    assert set(parameters) <= set(inspect.signature(made).parameters)


def test_answers_know_which_questions_were_not_asked() -> None:
    assert internals.AnswersMap().hidden == set()


def test_a_few_files_are_read_without_a_clone(tmp_path: Path) -> None:
    origin, directory = tmp_path / "origin", tmp_path / "files"
    for name in ("copier.yml", "extensions/criteria.yml", "template_shared/README.md", "docs/README.md"):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_text(name)
    commit = commit_all(origin, "Start", init=True)
    (origin / "copier.yml").write_text("edited")
    directory.mkdir()
    check_out(origin, commit, directory, ["/template_*/", "/docs/"])
    files = {
        path.relative_to(directory).as_posix(): path.read_text() for path in directory.rglob("*") if path.is_file()
    }
    assert files == {name: name for name in ("copier.yml", "extensions/criteria.yml")}
    assert run("git", "status", "--porcelain", cwd=origin) == " M copier.yml\n"


def test_a_clone_can_leave_out_files(tmp_path: Path) -> None:
    origin, clone, settings = tmp_path / "origin", tmp_path / "clone", tmp_path / "settings"
    for name in ("copier.yml", "extensions/criteria.yml", "template_shared/README.md"):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_text(name)
    commit_all(origin, "Start", init=True)
    settings.mkdir()
    with known_settings(without(["/template_*/"], settings)):
        run("git", "clone", "--quiet", origin, clone)
    files = {path.relative_to(clone).as_posix() for path in clone.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith(".git/")} == {"copier.yml", "extensions/criteria.yml"}
