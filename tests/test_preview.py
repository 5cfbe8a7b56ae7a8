"""An update shows what it will change and asks, before it changes anything."""

import json
import shutil
import sys
from pathlib import Path

import pexpect
import pytest

from groundplan import preview
from tests.small import LINES, make_template, start
from tests.tools import ROOT, commit_all, groundplan, groundplan_here, run, tree


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with a newer version than that of `project`."""
    return make_template(tmp_path_factory.mktemp("small") / "template")


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return start(template, tmp_path / "project")


def conflict(project: Path) -> None:
    (project / "changed.txt").write_text(f"mine\n{LINES}")
    (project / "dropped.txt").write_text("mine\n")
    commit_all(project, "Edit")


def at_terminal(project: Path, *options: str) -> "pexpect.spawn[str]":
    command = [sys.executable, "-m", "groundplan", "update", str(project), *options]
    return pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=120)


def rest(child: "pexpect.spawn[str]") -> str:
    child.expect(pexpect.EOF)
    child.wait()
    return str(child.before)


FILES = """
Files
  changed  .copier-answers.yml
  changed  docs/changed.md
  added    docs/new.md
  added    new.txt
  changed  run.sh
  conflict changed.txt
  conflict dropped.txt
"""


@pytest.mark.slow
def test_a_dry_run_names_files_and_conflicts_and_changes_nothing(project: Path) -> None:
    conflict(project)
    before = tree(project)
    result = groundplan_here("update", project, "--dry-run")
    assert (result.returncode, result.stderr) == (4, "")
    assert "from v1.0.0 to v2.0.0\n" in result.stdout
    assert FILES in result.stdout
    assert result.stdout.endswith("Nothing was changed, because of --dry-run.\n")
    assert tree(project) == before
    assert run("git", "status", "--porcelain", cwd=project) == ""


@pytest.mark.slow
def test_a_program_reads_what_an_update_would_do_and_what_it_did(template: Path, project: Path) -> None:
    conflict(project)
    before = tree(project)
    facts = {
        "current": "v1.0.0",
        "latest": "v2.0.0",
        "framework": "django",
        "template": str(template),
        "conflicts": ["changed.txt", "dropped.txt"],
        "changelog": {},
    }
    result = groundplan_here("update", project, "--dry-run", "--format", "json")
    printed = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (4, "")
    assert {"path": "new.txt", "effect": "added"} in printed["files"]
    assert [file["path"] for file in printed.pop("files")] == FILES.split()[2::2]
    assert printed == facts | {"behind": True, "applied": False}
    assert tree(project) == before

    result = groundplan_here("update", project, "--format", "json")
    printed = json.loads(result.stdout)
    assert result.returncode == 4
    assert [file["path"] for file in printed.pop("files")] == FILES.split()[2::2]
    assert printed == facts | {"behind": False, "applied": True, "current": "v2.0.0"}


@pytest.mark.slow
def test_a_dry_run_without_conflicts_is_a_success(project: Path) -> None:
    result = groundplan_here("update", project, "--dry-run", "--format", "json")
    assert (result.returncode, json.loads(result.stdout)["conflicts"]) == (0, [])
    groundplan_here("update", project)
    commit_all(project, "Update")
    result = groundplan_here("update", project, "--format", "json")
    printed = json.loads(result.stdout)
    assert (result.returncode, printed["files"], printed["current"], printed["behind"]) == (0, [], "v2.0.0", False)


@pytest.mark.slow
def test_an_update_at_a_terminal_waits_for_a_yes(project: Path) -> None:
    before = tree(project)
    child = at_terminal(project)
    child.expect("Apply this update")
    assert "dropped.txt" in str(child.before)
    assert tree(project) == before
    child.send("\r")
    assert "Updated" in rest(child)
    assert child.exitstatus == 0
    assert (project / "new.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code"), [("n\r", 1), ("\x03", 130), ("\x04", 130)])
def test_any_other_answer_changes_nothing(answer: str, code: int, project: Path) -> None:
    before = tree(project)
    child = at_terminal(project)
    child.expect("Apply this update")
    child.send(answer)
    assert "Nothing was changed" in rest(child)
    assert child.exitstatus == code
    assert tree(project) == before


@pytest.mark.slow
def test_yes_needs_no_answer(project: Path) -> None:
    child = at_terminal(project, "--yes")
    assert "Apply" not in rest(child)
    assert child.exitstatus == 0
    assert (project / "new.txt").exists()


@pytest.mark.slow
def test_quiet_prints_only_conflicts(project: Path) -> None:
    result = groundplan_here("update", project, "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (project / "new.txt").exists()
    assert groundplan_here("update", project, "--quiet", "--ref", "v2.0.0").stdout == ""


@pytest.mark.slow
def test_quiet_names_conflicts_and_asks_with_the_files(project: Path) -> None:
    conflict(project)
    child = at_terminal(project, "--quiet")
    child.expect("Apply this update")
    assert FILES.split() == str(child.before).split()[-len(FILES.split()) :]
    child.send("y\r")
    assert "changed.txt" in rest(child)
    assert child.exitstatus == 4


@pytest.mark.slow
@pytest.mark.parametrize("ignored", [True, False])
def test_work_of_the_meantime_is_safe(ignored: bool, project: Path) -> None:
    child = at_terminal(project)
    child.expect("Apply this update")
    if ignored:
        (project / ".git" / "info" / "exclude").write_text("new.txt\n")
    (project / "new.txt").write_text("mine\n")
    before = tree(project)
    child.send("y\r")
    rest(child)
    assert child.exitstatus == 1
    assert tree(project) == before


@pytest.mark.slow
def test_a_refusal_comes_before_the_question(project: Path) -> None:
    (project / ".git" / "info" / "exclude").write_text("new.txt\n")
    (project / "new.txt").write_text("mine\n")
    child = at_terminal(project)
    said = rest(child)
    assert ("Apply" in said, "new.txt" in said, child.exitstatus) == (False, True, 1)


@pytest.mark.slow
@pytest.mark.parametrize("edit", [lambda project: None, conflict])
def test_the_command_that_is_named_undoes_the_update(edit: object, project: Path) -> None:
    edit(project)  # type: ignore[operator]
    before = tree(project)
    result = groundplan("update", project)
    commands = (result.stdout + result.stderr).partition("To undo")[2].splitlines()[1:]
    assert tree(project) != before
    run("bash", "-c", "\n".join(commands))
    assert tree(project) == before
    assert run("git", "status", "--porcelain", cwd=project) == ""


TOWNCRIER = """\
[tool.towncrier]
directory = "changelog.d"
filename = "CHANGELOG.md"
section = [
    { path = "all", name = "Every project" },
    { path = "django", name = "Django projects" },
    { path = "command", name = "The command" },
]
type = [{ directory = "action", name = "Action needed" }, { directory = "change", name = "Changed" }]
"""


def version(place: Path, fragments: dict[str, str], released: str = "") -> Path:
    for name, text in fragments.items():
        file = place / "changelog.d" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    place.mkdir(exist_ok=True)
    (place / "pyproject.toml").write_text(TOWNCRIER)
    (place / "CHANGELOG.md").write_text(released)
    return place


def test_news_are_what_the_former_version_does_not_say(tmp_path: Path) -> None:
    old = version(
        tmp_path / "old",
        {"all/+lock.change.md": "Locks wait\nfor 5 s.\n"},
        "# Changelog\n\n## 1.0.0\n\n### Every project\n\n#### Changed\n\n- Old.\n",
    )
    new = version(
        tmp_path / "new",
        {"all/+move.action.md": "Move it.", "fastapi/+no.change.md": "No.", "command/+no.change.md": "No."},
        "# Changelog\n\n## 2.0.0\n\n### Every project\n\n#### Changed\n\n- Locks wait for 5 s.\n"
        "- New,\n  on two lines.\n\n"
        "### Django projects\n\n#### Changed\n\n- Pages.\n\n### The command\n\n#### Changed\n\n- No.\n\n"
        "## 1.0.0\n\n### Every project\n\n#### Changed\n\n- Old.\n",
    )
    assert preview.news(old, new, "django") == {
        "Action needed": ["Move it."],
        "Changed": ["New, on two lines.", "Pages."],
    }
    assert preview.news(old, new, "fastapi") == {"Action needed": ["Move it."], "Changed": ["New, on two lines."]}


@pytest.mark.parametrize("content", [None, "", "[tool.towncrier]", "[tool]\ntowncrier = 5", "["])
def test_a_template_without_a_changelog_has_no_news(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_text(content)
    assert preview.news(tmp_path, tmp_path, "django") == {}
    assert preview.changelog({}, "somewhere") == ""


def test_a_long_changelog_is_cut_and_says_where_the_rest_is() -> None:
    text = preview.changelog({"Action needed": ["a " * 60] * 9, "Changed": ["b " * 60] * 20}, "https://example.com/t")
    lines = text.splitlines()
    assert len(lines) <= preview.LINES + 1
    assert max(map(len, lines[:-1])) <= preview.WIDTH
    assert lines[-1] == "  … and 16 more: see CHANGELOG.md and changelog.d in https://example.com/t"
    assert lines[1:3] == ["Action needed", f"  - {'a ' * 38}".rstrip()]


@pytest.mark.slow
def test_verbose_prints_the_whole_changelog(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    news = {"Changed": [f"Entry {number}." for number in range(99)]}
    monkeypatch.setattr(preview, "news", lambda *_: news)
    assert "Entry 98." not in groundplan_here("update", project, "--dry-run").stdout
    assert "Entry 98." in groundplan_here("update", project, "--dry-run", "--verbose").stdout


def test_this_template_has_news(tmp_path: Path) -> None:
    """Its own settings are understood."""
    old = shutil.copytree(ROOT / "changelog.d", tmp_path / "changelog.d").parent
    (tmp_path / "changelog.d" / "all" / "+added.action.md").write_text("Do this.\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert preview.news(ROOT, old, "django") == {"Action needed": ["Do this."]}
