"""Errors of `check` and `update` say what happened, why in git's own words, and what to do."""

import re
from pathlib import Path

import pytest

from groundplan import cli
from groundplan.git import reason
from tests.small import QUESTIONS, make_template, start
from tests.tools import commit_all, groundplan_here, run, tree


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("small") / "template")


@pytest.fixture
def template(small: Path, tmp_path: Path) -> Path:
    """A template to change."""
    run("git", "clone", "--quiet", small, tmp_path / "template")
    return tmp_path / "template"


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return start(template, tmp_path / "project")


def edit(project: Path, pattern: str, replacement: str) -> None:
    answers = project / ".copier-answers.yml"
    text, count = re.subn(f"^{pattern}$", replacement, answers.read_text(), flags=re.MULTILINE)
    assert count == 1
    answers.write_text(text)
    commit_all(project, "Edit the answers")


def refused(project: Path, *words: str, command: str = "check", code: int = 1) -> str:
    before = tree(project)
    result = groundplan_here(command, project)
    assert result.returncode == code, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Errno" not in result.stderr
    assert result.stderr.count("\n") <= 3
    assert tree(project) == before
    return result.stderr


def from_url(project: Path, template: Path) -> None:
    edit(project, "_src_path: .*", f"_src_path: git+file://{template}")


@pytest.mark.parametrize("url", [True, False])
@pytest.mark.parametrize("command", ["check", "update"])
def test_a_version_that_is_gone(command: str, url: bool, project: Path, template: Path) -> None:
    """Its tag or branch was deleted, or the history rewritten."""
    if url:
        from_url(project, template)
    edit(project, "_commit: .*", "_commit: v0.9.0")
    refused(project, "no longer has version v0.9.0", "_commit", str(project), command=command)


@pytest.mark.parametrize("written", ["1234567", "'1234567'", "12e5678", "0123456", "2024-01-01"])
def test_a_version_that_yaml_takes_for_something_else(written: str, project: Path) -> None:
    edit(project, "_commit: .*", f"_commit: {written}")
    version = written.strip("'")
    refused(project, f"no longer has version {version},")


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["0.90", "1.10"])
def test_such_a_version_is_found(tag: str, project: Path, template: Path) -> None:
    run("git", "tag", tag, "v1.0.0", cwd=template)
    run("git", "tag", "--delete", "v1.0.0", cwd=template)
    edit(project, "_commit: .*", f"_commit: {tag}")
    result = groundplan_here("update", project)
    assert (result.returncode, (project / "new.txt").exists()) == (0, True), result.stderr


def test_a_tag_that_is_no_version(project: Path, template: Path) -> None:
    run("git", "tag", "12e5678", "v1.0.0", cwd=template)
    run("git", "tag", "--delete", "v1.0.0", cwd=template)
    edit(project, "_commit: .*", "_commit: 12e5678")
    refused(project, "Version 12e5678 of the template cannot be compared", "git tag v1.2.0", "_commit")
    run("git", "tag", "v1.2.0", "12e5678", cwd=template)
    run("git", "tag", "--delete", "12e5678", cwd=template)
    edit(project, "_commit: .*", "_commit: v1.2.0")
    assert groundplan_here("check", project).returncode == 5


@pytest.mark.filterwarnings("ignore::copier.errors.ShallowCloneWarning")
def test_a_shallow_clone(small: Path, project: Path, tmp_path: Path) -> None:
    run("git", "clone", "--quiet", "--depth=1", f"file://{small}", tmp_path / "shallow")
    edit(project, "_src_path: .*", f"_src_path: {tmp_path / 'shallow'}")
    printed = refused(project, "shallow clone")
    run("bash", "-c", printed.partition("Run: ")[2])
    assert groundplan_here("check", project).returncode == 5


@pytest.mark.parametrize("url", [True, False])
@pytest.mark.parametrize("ref", ["nowhere", "0123456789abcdef0123456789abcdef01234567"])
def test_a_ref_that_does_not_exist(ref: str, url: bool, template: Path, tmp_path: Path) -> None:
    source = f"git+file://{template}" if url else template
    result = groundplan_here("new", tmp_path / "p", "--template", source, "--defaults", "--ref", ref)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"has no version {ref}." in result.stderr


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        ("_commit: .*", "_commit:", "does not name"),
        ("_commit: .*", "_commit: [a]", "does not name"),
        ("_src_path: .*", "_src_path: null", "does not name"),
        ("_commit: .*", "<<<<<<< mine", "is not valid YAML"),
        ("name: .*", "name: 2024-01-01", "The answer to name"),
        ("name: .*", "name:", "The answer to name"),
    ],
)
def test_an_answers_file_that_was_edited(pattern: str, replacement: str, words: str, project: Path) -> None:
    edit(project, pattern, replacement)
    refused(project, words, ".copier-answers.yml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("  validator: '{% if name == \"shop\" %}shop is taken{% endif %}'\n", "name: shop is taken"),
        ("  choices: [stall, market]\n", "name: 'shop' is not one of stall, market"),
    ],
)
def test_an_answer_that_the_new_version_refuses(rule: str, words: str, project: Path, template: Path) -> None:
    (template / "copier.yml").write_text(QUESTIONS + rule)
    commit_all(template, "A rule")
    run("git", "tag", "v3.0.0", cwd=template)
    printed = refused(project, words, "groundplan update --data name=VALUE", command="update")
    assert "Validation error" not in printed
    result = groundplan_here("update", "--data", "name=market", project)
    assert result.returncode == 0, result.stderr
    assert "name: market\n" in (project / ".copier-answers.yml").read_text()


def test_a_questionnaire_that_is_not_yaml(project: Path, template: Path) -> None:
    (template / "copier.yml").write_text("[")
    commit_all(template, "A mistake")
    run("git", "tag", "v3.0.0", cwd=template)
    refused(project, "copier.yml of the template", str(template), "not valid", command="update")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of Copier's generator
def test_a_file_where_there_was_a_directory(project: Path, template: Path) -> None:
    run("git", "rm", "-r", "--quiet", "docs", cwd=template)
    (template / "docs").write_text("A file\n")
    commit_all(template, "Replace a directory")
    run("git", "tag", "v3.0.0", cwd=template)
    refused(project, "has a file where the project has a directory", command="update")


def test_what_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "odd" / ".copier-answers.yml").mkdir(parents=True)
    for place, words in (("file", "is a file"), ("nowhere", "not a Groundplan project"), ("odd", "cannot be read")):
        result = groundplan_here("check", tmp_path / place)
        assert (result.returncode, words in result.stderr, result.stderr.count("\n")) == (1, True, 1), result.stderr


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("git+file:///nowhere/at/all", "does not appear to be a git repository"),
        ("https://host.invalid/a.git", "host.invalid"),
        ("http://127.0.0.1:1/a.git", "127.0.0.1"),
    ],
)
def test_a_template_that_cannot_be_fetched(address: str, words: str, project: Path) -> None:
    edit(project, "_src_path: .*", f"_src_path: {address}")
    refused(project, "cannot be fetched", words, f"git ls-remote {address.removeprefix('git+')}", "set _src_path")


def test_other_commands_of_git_are_no_fetch(project: Path) -> None:
    (project / ".git" / "HEAD").write_text("broken\n")
    refused(project, "is not in a git repository", command="update")


def test_the_reason_is_in_gits_own_words() -> None:
    said = (
        "Cloning into 'a'...\ngit@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\n"
    )
    more = "Please make sure you have the correct access rights\nand the repository exists.\n"
    assert reason(said + more) == "git@h: Permission denied (publickey). Could not read from remote repository."
    assert reason("") == "it printed no message"


def test_git_speaks_english(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its messages decide what is advised."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    run("rm", "-r", project / ".git")
    refused(project, "is not in a git repository", command="update")


def test_other_errors_of_the_system_have_no_number(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        Path("/dev/null/file").read_text()

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == "/dev/null/file: Not a directory.\n"
