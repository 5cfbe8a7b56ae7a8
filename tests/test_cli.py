"""The command as its users call it: what it prints, how it ends, and what it leaves behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from groundplan.project import in_repository, staged
from tests.decision.engine import WEB_PRODUCTS
from tests.tools import FRAMEWORKS, QUESTIONNAIRE, ROOT, commit_all, groundplan, groundplan_here, render, run, tree

PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.yml"))
NEW = ("--preset", "microservice", "--defaults")


def decide(template: Path, *arguments: str) -> dict[str, Any]:
    result = groundplan_here("decide", "--template", template, "--format", "json", *arguments)
    assert result.returncode == 0, result.stderr
    decision: dict[str, Any] = json.loads(result.stdout)
    return decision


def test_help_names_every_command_and_exit_code() -> None:
    printed = groundplan_here("--help").stdout
    for word in ("new", "decide", "update", "check", "presets", *(f"{code} " for code in range(6))):
        assert word in printed


def test_new_without_arguments_is_wrong_usage() -> None:
    assert groundplan_here("new").returncode == 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_new_gives_the_same_tree_as_copier_alone(template: Path, tmp_path: Path, framework: str) -> None:
    """Byte for byte, the answers file included; Copier runs as its own command, without --trust."""
    result = groundplan("new", tmp_path / "ours", "--template", template, "--framework", framework, "--defaults")
    assert result.returncode == 0, result.stderr
    copier = Path(sys.executable).with_name("copier")
    run(copier, "copy", "--defaults", "--data", f"framework={framework}", template, tmp_path / "copiers")
    assert tree(tmp_path / "ours") == tree(tmp_path / "copiers")


def test_new_says_what_comes_next(template: Path, tmp_path: Path) -> None:
    printed = groundplan_here("new", tmp_path / "service", "--template", template, *NEW).stdout
    assert "uv sync" in printed
    assert "git init" in printed


@pytest.mark.parametrize("arguments", [(), ("--preset", "microservice")])
def test_new_without_a_terminal_says_how_to_answer(template: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = groundplan("new", tmp_path / "service", "--template", template, *arguments)
    assert result.returncode == 2
    assert "--defaults" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "colour=red"), ("colour", "product", "licence")),
        (("--data", "product=blog"), ("product", "'blog'", "cms", "microservice")),
        (("--data", "live_connections=perhaps"), ("live_connections", "true", "false")),
        (("--data", "target=compose,cloud"), ("target", "compose", "kubernetes")),
        (("--data", "ci=jenkins"), ("ci", "github", "gitlab", "none")),
        (("--data", "decision={}"), ("decision", "product")),
        (("--data", "product"), ("KEY=VALUE",)),
        (("--data", "slug=class"), ("slug", "Python uses this name")),
        (("--data", "name=two\nlines"), ("name", "line break")),
        (("--data", "email=nobody"), ("email", "name@example.com")),
        (("--preset", "nothing"), ("nothing", "microservice")),
        (("--framework", "flask"), ("framework: 'flask' is not one of django, fastapi, neither.\n",)),
        (("--framework", "fastapi", "--data", "server=granian"), ("`server` is not asked", "framework is fastapi")),
        (("--preset", "microservice", "--data", "server=granian"), ("`server` is not asked", "framework is fastapi")),
        (("--answers", "missing.yml"), ("missing.yml",)),
        (("--ref", "v99"), ("v99",)),
    ],
)
def test_new_refuses_what_no_question_allows(
    template: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    result = groundplan_here("new", "service", "--template", template, "--defaults", *arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answers", [("ci=jenkins",), ("framework=fastapi", "server=granian")])
def test_what_is_wrong_in_any_case_is_refused_before_the_first_question(
    template: Path, tmp_path: Path, answers: tuple[str, ...]
) -> None:
    data = [part for answer in answers for part in ("--data", answer)]
    result = groundplan_here("new", tmp_path / "service", "--template", template, *data)
    assert (result.returncode, answers[-1].split("=")[0] in result.stderr) == (2, True)
    assert "terminal" not in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- a list", "must contain one `question: answer` per line"),
        (b"1: 2", "must contain one"),
        (b"product: [cms]", "product: ['cms'] is not text"),
        (b"product: {cms: true}", "product: {'cms': True} is not text"),
        (b"product:", "product: null is not an answer"),
        (b"name: 5", "name: 5 is not text; quote it"),
        (b"name: 2026-01-02", "name: datetime.date(2026, 1, 2) is not text; quote it"),
        (b"name: 2026-13-01", "is not valid YAML: month must be in 1..12"),
        (b"name: &a [*a]", "name: [[[[[[[...]]]]]]] is not text"),
        (b"name: {", "is not valid YAML"),
        (b"unknown: x", "Unknown question 'unknown'"),
        (b"storge: none", "Unknown question 'storge'. Did you mean storage?"),
        (b"product: cms\nproduct: rest_api", "is not valid YAML: it has 'product' twice"),
        (b"product: cms\n--- {}", "is not valid YAML: expected a single document"),
        (b"product: !!python/object/apply:os.getcwd []", "is not valid YAML: could not determine a constructor"),
        (b"name: " + b"[" * 5000, "is nested too deeply"),
        (b"product: \xff\x00", "is not valid YAML"),
        (bytes(range(256)), "is not valid YAML"),
        (b"# " + b"x" * 2**20, "is too large"),
    ],
)
def test_new_refuses_an_answers_file_that_holds_something_else(
    template: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "answers.yml").write_bytes(content)
    result = groundplan_here(
        "new", "service", "--template", template, "--defaults", "--answers", "answers.yml", cwd=tmp_path
    )
    assert (result.returncode, words in result.stderr, result.stderr.count("\n")) == (2, True, 1), result.stderr
    assert not (tmp_path / "service").exists()


def test_new_refuses_what_is_not_an_answers_file(template: Path, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, words in [("directory", "Is a directory"), ("pipe", "is a named pipe"), ("loop", "cannot be read")]:
        result = groundplan_here("decide", "--template", template, "--answers", tmp_path / name)
        assert (result.returncode, words in result.stderr, result.stderr.count("\n")) == (2, True, 1), result.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_answers_file_of_another_editor(template: Path, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "answers.yml").write_text("product: cms\nname: Wärehouse\n", encoding=encoding)
    assert decide(template, "--answers", str(tmp_path / "answers.yml"))["recommended"] == "django"


def test_an_answers_file_without_answers_changes_nothing(template: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.yml").touch()
    assert decide(template, "--answers", str(tmp_path / "answers.yml")) == decide(template)


def test_answers_may_come_from_a_pipe(template: Path) -> None:
    command = (
        f"{sys.executable} -m groundplan decide --template {template} --format json --answers <(echo product: cms)"
    )
    assert json.loads(run("bash", "-c", f"PYTHONPATH={ROOT} {command}"))["recommended"] == "django"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--data", "framework=django", "--data", "framework=django"),
        ("--framework", "fastapi", "--data", "framework=django"),
    ],
)
def test_new_refuses_two_answers_to_one_question(template: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = groundplan_here("new", tmp_path / "service", "--template", template, "--defaults", *arguments)
    assert (result.returncode, result.stderr) == (2, "`framework` is answered twice on the command line.\n")
    assert list(tmp_path.iterdir()) == []


def test_answers_come_from_preset_then_file_then_data(template: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("name: From the file\nauthor: From the file\n")
    arguments = ("--preset", "cms", "--answers", tmp_path / "answers.yml", "--data", "author=From data", "--defaults")
    assert groundplan_here("new", tmp_path / "service", "--template", template, *arguments).returncode == 0
    answers = yaml.safe_load((tmp_path / "service" / ".copier-answers.yml").read_text())
    assert (answers["product"], answers["name"], answers["author"]) == ("cms", "From the file", "From data")


@pytest.mark.parametrize(
    ("given", "several"),
    [
        ("compose", ["compose"]),
        ("kubernetes, compose", ["compose", "kubernetes"]),
        ("[kubernetes]", ["kubernetes"]),
        ("[]", []),
        ("", []),
    ],
)
def test_a_question_that_takes_several_answers(template: Path, tmp_path: Path, given: str, several: list[str]) -> None:
    groundplan_here("new", tmp_path / "service", "--template", template, "--data", f"target={given}", "--defaults")
    assert yaml.safe_load((tmp_path / "service" / ".copier-answers.yml").read_text())["target"] == several


def test_the_answers_of_one_project_make_another(template: Path, tmp_path: Path) -> None:
    render(template, tmp_path / "one", product="cms", name="The first")
    answers = ("--answers", tmp_path / "one" / ".copier-answers.yml", "--defaults")
    assert groundplan_here("new", tmp_path / "two", "--template", template, *answers).returncode == 0
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


def test_the_answers_of_a_project_must_suit_another_framework(template: Path, tmp_path: Path) -> None:
    render(template, tmp_path / "one", product="cms")
    answers = ("--answers", tmp_path / "one" / ".copier-answers.yml", "--framework", "fastapi", "--defaults")
    result = groundplan_here("new", tmp_path / "two", "--template", template, *answers)
    assert (result.returncode, "`pages` is not asked" in result.stderr) == (2, True)
    assert not (tmp_path / "two").exists()


def test_criteria_that_are_no_longer_asked_may_be_answered(template: Path, tmp_path: Path) -> None:
    """`product=script` settles the framework before the team is asked about."""
    arguments = ("--data", "product=script", "--data", "team=django", "--framework", "django", "--defaults")
    assert groundplan_here("new", tmp_path / "service", "--template", template, *arguments).returncode == 0
    answers = yaml.safe_load((tmp_path / "service" / ".copier-answers.yml").read_text())
    assert (answers["product"], answers["team"]) == ("script", "django")


def test_new_leaves_a_directory_that_is_not_empty_alone(template: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = groundplan_here("new", tmp_path, "--template", template, *NEW)
    assert result.returncode == 1
    assert "not empty" in result.stderr
    assert tree(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize(
    ("place", "expected"), [("", True), ("new/service", True), ("ignored", False), ("ignored/service", False)]
)
def test_a_destination_may_be_in_a_repository(tmp_path: Path, place: str, expected: bool) -> None:
    repository = tmp_path / "repository"
    (repository / "ignored").mkdir(parents=True)
    assert not in_repository(repository / place)
    (repository / ".gitignore").write_text("/ignored/\n")
    run("git", "init", "--quiet", repository)
    assert in_repository(repository / place) is expected


def test_a_destination_is_looked_at_where_it_leads(template: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = groundplan_here("new", "nowhere/..", "--template", template, *NEW, cwd=tmp_path)
    assert (result.returncode, "not empty" in result.stderr) == (1, True)
    assert tree(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize("name", ["with space", "[/red]", ":smile:", "sérvice 🧾", "-dash", "a/b/c"])
def test_a_destination_of_any_name(template: Path, tmp_path: Path, name: str) -> None:
    result = groundplan_here("new", "--template", template, *NEW, "--", name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert f" files to {name}, from" in result.stdout
    assert (tmp_path / name / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("loop", "loop: Too many levels of symbolic links.\n"),
        ("loop/service", "service: Too many levels of symbolic links.\n"),
        ("file/service", "service: Not a directory.\n"),
        ("service\n", "'{}/service\\n' has a line break or control character.\n"),
        ("a" * 300, "a: File name too long.\n"),
        ("~nobody-here/service", "~nobody-here/service: Could not determine home directory.\n"),
    ],
)
def test_new_refuses_a_destination_that_cannot_be(template: Path, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    result = groundplan_here("new", name, "--template", template, *NEW, cwd=tmp_path)
    assert result.returncode in (1, 2)
    assert result.stderr.endswith(words.format(tmp_path))
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_check_refuses_what_is_not_a_project(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for name, words in [("loop", "Too many levels"), ("file", "is a file"), ("none", "not a Groundplan project")]:
        result = groundplan_here("check", name, cwd=tmp_path)
        assert (result.returncode, words in result.stderr, result.stderr.count("\n")) == (1, True, 1)
        assert "Errno" not in result.stderr


def test_a_destination_in_the_home_directory(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that starts the command may leave the tilde to it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert groundplan_here("new", "~/service", "--template", template, *NEW, cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["service"]


def test_names_are_printed_where_the_terminal_has_only_ascii(template: Path, tmp_path: Path) -> None:
    variables = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "groundplan", "new", "wärehouse", "--template", template, *NEW)
    printed = run(*command, "--data", "name=Wärehouse", cwd=tmp_path, env=variables)
    assert r"w\xe4rehouse, from" in printed
    assert r"W\xe4rehouse is ready" in printed
    assert (tmp_path / "wärehouse" / "waerehouse").is_dir()


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "docs": lambda path: path.write_text("a file where a directory is to be"),
    "pyproject.toml": lambda path: path.mkdir(),
    "README.md": lambda path: path.symlink_to("../outside"),
    "tests": lambda path: path.symlink_to("../directory"),
    "Dockerfile": lambda path: path.symlink_to("nowhere"),
    "conftest.py": os.mkfifo,
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_in_the_way_stops_overwriting_before_it_begins(template: Path, tmp_path: Path, name: str) -> None:
    destination = tmp_path / "service"
    for directory in (destination, tmp_path / "directory"):
        directory.mkdir()
    (tmp_path / "outside").write_text("mine")
    (destination / "LICENSE").write_text("mine")
    IN_THE_WAY[name](destination / name)
    before = tree(tmp_path)
    result = groundplan_here("new", destination, "--template", template, *NEW, "--overwrite")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert f"{destination / name} is in the way" in result.stderr
    assert tree(tmp_path) == before


def test_overwriting_a_file_leaves_its_other_names_alone(template: Path, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "README.md").hardlink_to(tmp_path / "backup")
    assert groundplan_here("new", tmp_path / "service", "--template", template, *NEW, "--overwrite").returncode == 0
    assert (tmp_path / "backup").read_text() == "mine"
    assert (tmp_path / "service" / "README.md").read_text() != "mine"


def test_new_writes_into_a_directory_when_it_is_told_to(template: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert groundplan_here("new", ".", "--template", template, *NEW, "--overwrite", cwd=tmp_path).returncode == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "pyproject.toml").is_file()


def test_an_existing_directory_is_prepared_within_it(tmp_path: Path) -> None:
    """Its parent may be read-only, as with a volume of a container."""
    with staged(tmp_path) as project:
        project.mkdir()
        (project / "file").touch()
        assert project.is_relative_to(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_new_where_nothing_can_be_written(template: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = groundplan_here("new", tmp_path / "file" / "service", "--template", template, *NEW)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("preset", ["script", "pipeline"])
def test_neither_says_why_and_writes_nothing(template: Path, tmp_path: Path, preset: str) -> None:
    arguments = ("--preset", preset, "--data", "name=Shop", "--defaults")  # the reason matters more than the name
    result = groundplan_here("new", tmp_path / "service", "--template", template, *arguments)
    assert result.returncode == 3
    assert ("Typer" if preset == "script" else "Prefect") in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_copier_alone_writes_nothing_for_neither(template: Path, tmp_path: Path) -> None:
    copier = Path(sys.executable).with_name("copier")
    printed = run(copier, "copy", "--defaults", "--data", "product=script", template, tmp_path / "service")
    assert "Typer" in printed
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "service"])


def test_a_user_may_insist(template: Path, tmp_path: Path) -> None:
    insist = ("--preset", "script", "--framework", "fastapi", "--defaults")
    assert groundplan_here("new", tmp_path / "service", "--template", template, *insist).returncode == 0
    assert (tmp_path / "service" / "pyproject.toml").is_file()


MOMENTS = {
    "at the start": "temporary/groundplan-*",
    "while the template is fetched": "temporary/*/*/.git/HEAD",
    "while its files are written": "temporary/*/*/copier.yml",
    "while the project is rendered": ".groundplan-*/service/*",
}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_run_leaves_nothing(
    template: Path, tmp_path: Path, moment: str, end: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    command: list[str | Path] = [sys.executable, "-m", "groundplan", "new", tmp_path / "service"]
    command += ["--template", template, *NEW]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not list(tmp_path.glob(MOMENTS[moment])) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(end)
    process.communicate(timeout=60)
    assert process.returncode == 128 + end  # each moment is long before the end
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_decide_that_is_interrupted_leaves_nothing(template: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "groundplan", "decide", "--template", template]
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=-3, stderr=-3) as process:
        while not list(tmp_path.glob("*/*/copier.yml")) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
    assert (process.returncode, list(tmp_path.iterdir())) == (143, [])


def test_questions_are_asked_at_a_terminal(template: Path, tmp_path: Path) -> None:
    """The first answer is typed, the scoreboard is seen, everything else is Enter."""
    command = f"{sys.executable} -m groundplan new service --template {template}"
    child = pexpect.spawn(command, cwd=tmp_path, encoding="utf-8", dimensions=(50, 80), timeout=60)
    seen = ""
    child.expect("What")
    while child.isalive():
        child.send("\r")
        with contextlib.suppress(pexpect.TIMEOUT):
            child.expect(pexpect.EOF, timeout=0.3)
        seen += child.before or ""
    assert child.wait() == 0, seen
    assert "Django" in seen
    assert (tmp_path / "service" / "pyproject.toml").is_file()


def test_nothing_more_is_asked_once_an_answer_rules_both_out(template: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m groundplan new service --template {template} --data product=script"
    child = pexpect.spawn(command, cwd=tmp_path, encoding="utf-8", dimensions=(50, 80), timeout=60)
    assert child.expect(["Which framework", "What does the team", "admin panel"]) == 0
    child.expect("Neither: stop and write")
    child.send("\r")
    child.expect("Typer")
    child.expect(pexpect.EOF)
    assert child.wait() == 3
    assert list(tmp_path.iterdir()) == []


def test_a_framework_that_is_insisted_on_leaves_the_criteria_to_be_answered(template: Path, tmp_path: Path) -> None:
    """Else the decision record would hold answers that nobody gave."""
    command = f"{sys.executable} -m groundplan new service --template {template} --framework fastapi"
    child = pexpect.spawn(command, cwd=tmp_path, encoding="utf-8", dimensions=(50, 80), timeout=60)
    assert child.expect(["What kind of service", "name of the service"]) == 0
    child.sendcontrol("c")
    child.expect(pexpect.EOF)


def test_a_destination_without_a_name_is_refused(template: Path, tmp_path: Path) -> None:
    result = groundplan_here("new", "", "--template", template, "--defaults", cwd=tmp_path)
    assert result.returncode == 2
    assert "must not be empty" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_leaving_the_questionnaire_leaves_nothing(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    command = f"{sys.executable} -m groundplan new service --template {template}"
    child = pexpect.spawn(command, cwd=tmp_path, encoding="utf-8", timeout=60)
    child.expect("What")
    child.sendcontrol("c")
    child.expect(pexpect.EOF)
    assert child.wait() == 130
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_decide_prints_one_object(template: Path) -> None:
    decision = decide(template, "--data", "product=cms")
    assert set(decision) == {
        "recommended", "scores", "certainty", "close", "reasons", "flips", "alternative", "advice", "third_ways",
        "contradictions", "cost_of_change", "know_before",
    }  # fmt: skip
    assert decision["recommended"] == "django"
    assert set(decision["scores"]) == {"django", "fastapi"}
    assert all(set(r) == {"criterion", "answer", "django", "fastapi", "why", "sources"} for r in decision["reasons"])
    assert all(set(flip) == {"criterion", "from", "to", "becomes", "kind"} for flip in decision["flips"])
    assert decision["certainty"] == {"level": "firm", "changes": []}
    assert decision["close"] is False
    assert decision["alternative"] is None


def test_decide_takes_what_is_not_answered_from_the_product(template: Path) -> None:
    answers = {reason["criterion"]: reason["answer"] for reason in decide(template, "--data", "product=cms")["reasons"]}
    assert answers["admin_panel"] == "essential"
    assert len(answers) == 18  # all but the one about the future of existing code


@pytest.mark.parametrize(
    "given",
    [("product=rest_api",), ("product=client_backend", "existing=django", "team=django"), ("product=static_site",)],
)
def test_every_flip_that_decide_lists_flips(template: Path, given: tuple[str, ...]) -> None:
    """Made alone, through the command, with all that follows from it."""

    def decided(answers: dict[str, str]) -> dict[str, Any]:
        return decide(template, *(part for each in answers.items() for part in ("--data", "=".join(each))))

    answers = dict(each.split("=") for each in given)
    decision = decided(answers)
    assert decision["flips"]
    for flip in decision["flips"]:
        changed = answers | {flip["criterion"]: str(flip["to"]).lower()}
        assert decided(changed)["recommended"] != decision["recommended"], changed


def test_decide_says_what_it_assumes(template: Path) -> None:
    result = groundplan_here("decide", "--template", template)
    assert "product=web_app" in result.stderr
    assert "product=" not in groundplan_here("decide", "--template", template, "--preset", "cms").stderr


def test_decide_does_not_look_at_the_project_it_stands_in(template: Path, tmp_path: Path) -> None:
    render(template, tmp_path / "service", product="cms")
    arguments = ("decide", "--template", template, "--preset", "microservice", "--format", "json")
    assert json.loads(groundplan_here(*arguments, cwd=tmp_path / "service").stdout)["recommended"] == "fastapi"


def test_decide_ends_well_where_neither_fits(template: Path) -> None:
    decision = decide(template, "--preset", "pipeline")
    assert decision["recommended"] == "neither"
    assert set(decision["alternative"]) == {"name", "why"}


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_decide_for_people_names_the_result_and_every_criterion(template: Path, output: str) -> None:
    printed = groundplan_here("decide", "--template", template, "--preset", "realtime", "--format", output).stdout
    assert "FastAPI" in printed
    for criterion in yaml.safe_load((template / "extensions" / "criteria.yml").read_text())["criteria"].values():
        assert criterion["label"] in printed or criterion["label"] == "Its future"
    assert output == "markdown" or max(map(len, printed.splitlines())) < 80


def test_decide_refuses_an_unknown_value(template: Path) -> None:
    result = groundplan_here("decide", "--template", template, "--data", "team=cobol")
    assert result.returncode == 2
    assert "async_python" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "answers",
    [
        ("framework=fastapi", "server=granian"),
        ("product=microservice", "server=granian"),
        ("name=",),
        ("product=web_app", "also=web_app"),
    ],
)
def test_decide_refuses_what_new_refuses(template: Path, tmp_path: Path, answers: tuple[str, ...]) -> None:
    data = [part for answer in answers for part in ("--data", answer)]
    new = groundplan_here("new", tmp_path / "service", "--template", template, "--defaults", *data)
    result = groundplan_here("decide", "--template", template, *data)
    assert (result.returncode, result.stderr, result.stdout) == (2, new.stderr, "")
    assert new.returncode == 2


def test_presets_lists_one_for_each_product(template: Path) -> None:
    printed = groundplan_here("presets", "--template", template).stdout
    products = QUESTIONNAIRE["product"]["choices"].values()
    assert set(PRESETS) == set(products)
    assert all(preset in printed for preset in PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_leads_somewhere(template: Path, preset: str) -> None:
    decision = decide(template, "--preset", preset)
    assert (decision["recommended"] == "neither") is (preset not in WEB_PRODUCTS)


@pytest.mark.parametrize("licence", ["proprietary", "mit", "apache", "bsd"])
def test_the_licence_is_the_one_that_was_chosen(template: Path, tmp_path: Path, licence: str) -> None:
    text = (render(template, tmp_path / "service", licence=licence, author="Zoë") / "LICENSE").read_text()
    title = {
        "proprietary": "All rights reserved",
        "mit": "MIT License",
        "apache": "Apache License",
        "bsd": "BSD 3-Clause",
    }
    assert [name for name, words in title.items() if words in text[:200]] == [licence]
    assert ("Zoë" in text) is (licence != "apache")  # whose text names nobody


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    result = groundplan_here("new", tmp_path / "service", "--template", tmp_path / "nowhere", *NEW)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "nowhere" in result.stderr


def test_a_url_that_does_not_answer(tmp_path: Path) -> None:
    result = groundplan_here("new", tmp_path / "service", "--template", f"git+file://{tmp_path}/nowhere", *NEW)
    assert (result.returncode, result.stderr.count("\n")) == (1, 2)
    assert not (tmp_path / "service").exists()


def test_a_template_that_could_not_be_updated_from(tmp_path: Path) -> None:
    (tmp_path / "copier.yml").write_text("name: {type: str, default: x}")
    result = groundplan_here("new", tmp_path / "service", "--template", tmp_path, *NEW)
    assert result.returncode == 1
    assert "not a git repository" in result.stderr


def test_another_kind_of_template(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "copier.yml").write_text("name: {type: str, default: x}")
    commit_all(other, "Another template", init=True)
    result = groundplan_here("new", tmp_path / "service", "--template", other, *NEW)
    assert result.returncode == 1
    assert "not a Groundplan template" in result.stderr


def test_changes_that_are_not_committed_stay_out_of_a_project(template: Path, tmp_path: Path) -> None:
    """Copier would record a commit that exists nowhere, and no update could follow."""
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", template, clone)
    (clone / "template_shared" / "gitignore.jinja").write_text("changed\n")
    assert groundplan("new", tmp_path / "service", "--template", clone, *NEW).returncode == 0
    assert (tmp_path / "service" / ".gitignore").read_text() != "changed\n"
    commit_all(tmp_path / "service", "Start", init=True)
    assert groundplan("check", tmp_path / "service").returncode == 0


def test_unexpected_errors_have_no_traceback(tmp_path: Path) -> None:
    result = groundplan("check", tmp_path / "nowhere")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert os.fspath(tmp_path / "nowhere") in result.stderr


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_error(template: Path, stream: str) -> None:
    """As a daemon or a scheduler may start it."""
    command = f"{sys.executable} -m groundplan decide --template {template} --preset cms {stream}"
    run("bash", "-c", f"PYTHONPATH={ROOT} {command}", code=0)


def test_a_current_directory_that_was_deleted_is_explained(tmp_path: Path) -> None:
    command = ["sh", "-c", f"rmdir {tmp_path}; {sys.executable} -m groundplan decide"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (done.returncode, "current directory no longer exists" in done.stderr) == (1, True), done.stderr


def test_a_full_disk_behind_the_output_is_explained(template: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "groundplan", "decide", "--template", str(template)]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "No space left on device.")


def test_the_names_of_presets_fit_a_narrow_terminal(template: Path) -> None:
    command = [sys.executable, "-m", "groundplan", "presets", "--template", str(template)]
    shown = subprocess.run(command, cwd=ROOT, env=os.environ | {"COLUMNS": "40"}, capture_output=True, text=True).stdout
    assert set(PRESETS) <= {line.partition(" ")[0] for line in shown.splitlines()}


def test_an_empty_ref_is_refused(template: Path) -> None:
    result = groundplan_here("presets", "--template", template, "--ref", "")
    assert (result.returncode, "empty" in result.stderr) == (2, True)


def test_a_hook_of_git_keeps_its_repository(template: Path, tmp_path: Path) -> None:
    """Git sets variables for hooks, which would lead the command's own calls of git to the hook's repository."""
    (tmp_path / "file").write_text("x")
    commit_all(tmp_path, "Start", init=True)
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m groundplan presets --template {template}\n")
    hook.chmod(0o755)
    (tmp_path / "file").write_text("y")
    run("git", "commit", "--quiet", "--all", "--message", "Through the hook", cwd=tmp_path)
    assert run("git", "ls-tree", "--name-only", "HEAD", cwd=tmp_path) == "file\n"


@pytest.mark.parametrize("version", ["git version 2.30.9", "git version 1.9", ""])
def test_a_git_that_is_too_old(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\necho '{version}'\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = groundplan_here("check", tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert f"needs git 2.31 or newer; this is {version or 'another program'}." in result.stderr


def test_no_git_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert groundplan_here("check", tmp_path).stderr == (
        "Groundplan needs git, which was not found on PATH. Install it: https://git-scm.com/downloads\n"
    )


@pytest.mark.parametrize(
    ("words", "completed"),
    [("groundplan de", "decide"), ("groundplan new --pre", "--preset"), ("groundplan decide --format js", "json")],
)
def test_a_shell_completes_commands_options_and_values(words: str, completed: str) -> None:
    variables = {"_GROUNDPLAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [Path(sys.executable).parent / "groundplan"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [completed]
