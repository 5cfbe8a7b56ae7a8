"""The questions in a terminal of 80 x 24."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from groundplan.asking import suggested
from groundplan.template import fetched, recorded, resolve
from tests.decision.engine import PRODUCTS, answers_for
from tests.terminal import COLUMNS, DOWN, ENTER, LINES, UP, Terminal
from tests.tools import FRAMEWORKS, ROOT, groundplan_here

pytestmark = pytest.mark.slow

Start = Callable[..., Terminal]


@pytest.fixture
def start(template: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts `groundplan new service` in a directory of its own."""
    started = []

    def begin(*options: str, variables: Mapping[str, str] | None = None) -> Terminal:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "groundplan",
            "new",
            "service",
            "--template",
            template,
            *options,
        ]
        started.append(Terminal(command, tmp_path, {"XDG_STATE_HOME": str(tmp_path / "state"), **(variables or {})}))
        return started[-1]

    yield begin
    for terminal in started:
        terminal.process.close(force=True)


@pytest.mark.parametrize(("product", "framework"), [("web_app", "Django"), ("rest_api", "FastAPI")])
def test_five_screens_lead_to_a_project(start: Start, tmp_path: Path, product: str, framework: str) -> None:
    terminal = start()
    terminal.until("[1 of 5] What kind of service is it?", "A data pipeline")
    terminal.press(*[UP, DOWN] if product == "web_app" else [DOWN, DOWN], ENTER)
    terminal.until("[2 of 5] These follow from your answers", "» No, continue", "ASGI operations   Yes")
    terminal.press(ENTER)
    shown = terminal.until("[3 of 5] Which framework do you want?", "Neither: stop", "Look at the answers again")
    for text in (f"Recommended: {framework}", "different answer", "For it", "If wrong", "Know first", f"» {framework}"):
        assert text in shown
    terminal.press(ENTER)
    terminal.until("[4 of 5] What is the name of the service?", "Service")
    terminal.press(ENTER)
    terminal.until("[5 of 5] Write the project to", "» Yes, write it", "Python package    service", "CI     ")
    assert not (tmp_path / "service").exists()
    terminal.press(ENTER)
    assert terminal.end() == 0
    for text in (f"is ready, built on {framework}", "points to", "http://127.0.0.1:8000/", "uv run poe run"):
        assert text in terminal.output
    assert ("/api/docs" in terminal.output) is (framework == "FastAPI")
    assert ("createsuperuser" in terminal.output) is (framework == "Django")
    assert recorded(tmp_path / "service")["product"] == product


def test_a_narrow_terminal_is_named(start: Start) -> None:
    start(variables={"COLUMNS": "40"}).until("too narrow", "Widen it to 80 columns", "[1 of 5]")


def test_an_answer_can_be_changed_and_the_later_ones_follow(start: Start, tmp_path: Path) -> None:
    terminal = start("--preset", "rest_api")
    terminal.until("[1 of 4] These follow from your answers")
    terminal.press(ENTER)
    terminal.until("[2 of 4] Which framework", "» FastAPI")
    terminal.press(UP, UP, ENTER)  # from the first choice to the last
    terminal.until("These follow from your answers", "Kind of service   A REST API")
    terminal.press(DOWN, ENTER)
    terminal.until("What kind of service", "A data pipeline", "» A REST API")
    terminal.press(*[UP] * 5, ENTER)
    terminal.until("» No, continue", "Kind of service   A website with content")
    terminal.press(ENTER)
    terminal.until("» Django", "Kind of service (a website with editors)")
    terminal.press(ENTER)
    terminal.until("name of the service")
    terminal.press("\x15", "Bakery", ENTER)
    terminal.until("Write the project", "Python package    bakery", "Server")
    terminal.press(DOWN, ENTER)
    terminal.until("Which framework", "» Django")
    terminal.press(DOWN, ENTER)
    shown = terminal.until("Write the project", "» Yes, write it", "Framework         FastAPI")
    assert "Server  " not in shown.partition("Write the project")[2]
    terminal.press(ENTER)
    assert terminal.end() == 0, terminal.output
    answers = recorded(tmp_path / "service")
    assert (answers["product"], answers["framework"], answers["slug"]) == ("cms", "fastapi", "bakery")


def test_keys_that_are_typed_ahead_do_not_confirm_the_review(start: Start, tmp_path: Path) -> None:
    terminal = start("--preset", "cms", "--framework", "django")
    terminal.until("These follow from your answers")
    terminal.press(ENTER)
    terminal.until("name of the service")
    terminal.process.send("\x15###" + ENTER)
    terminal.until("Use at least one letter or digit")
    terminal.process.send("\x15Shop" + ENTER * 3)
    terminal.until("Write the project to", "» Yes, write it")
    terminal.press(ENTER)
    assert terminal.end() == 0
    assert recorded(tmp_path / "service")["name"] == "Shop"
    assert "Wrote" in terminal.output.partition("Write the project to")[2]


def test_contradictory_answers_are_named_above_both_lists(start: Start) -> None:
    terminal = start("--preset", "cms", "--framework", "django", "--data", "storage=none", "--data", "name=Shop")
    terminal.until("These answers contradict each other: An admin panel", "These follow from your answers")
    terminal.press(ENTER)
    terminal.until("These answers contradict each other: An admin panel", "Write the project to")


def test_a_wrong_answer_is_explained_at_once(start: Start) -> None:
    terminal = start("--preset", "cms", "--framework", "django")
    terminal.until("These follow from your answers")
    terminal.press(ENTER)
    terminal.until("name of the service")
    terminal.press(ENTER)
    terminal.until("Write the project")
    terminal.press(DOWN, DOWN, DOWN, ENTER)
    terminal.until("name of its Python package")
    terminal.press("\x15", "class", ENTER)
    assert "Validation" not in terminal.until("class", "Reserved: Python uses this name.")
    terminal.press("\x15", "klass", ENTER)
    terminal.until("Python package    klass")


@pytest.mark.parametrize("end_of_input", [False, True])
def test_who_leaves_can_go_on_later(start: Start, tmp_path: Path, end_of_input: bool) -> None:
    terminal = start()
    terminal.until("What kind of service", "A data pipeline")
    terminal.press(DOWN, ENTER)
    terminal.until("These follow from your answers")
    if end_of_input:
        terminal.press(ENTER)
        terminal.until("Which framework", "» ")
        terminal.press(ENTER)
        terminal.until("name of the service")
        terminal.press("\x15", "\x04")
    else:
        terminal.press("\x03")
    assert terminal.end() == 130
    assert "Nothing was written. Your answers are kept" in terminal.output
    assert {path.name for path in tmp_path.iterdir()} == {"state"}
    again = Terminal(["sh", "-c", terminal.output.splitlines()[-1]], tmp_path)
    again.until("These follow from your answers", "Kind of service   Heavy queries")
    again.press("\x03")
    assert again.end() == 130


def test_a_signal_keeps_the_answers_too(start: Start, tmp_path: Path) -> None:
    terminal = start()
    terminal.until("What kind of service", "A data pipeline")
    terminal.press(ENTER)
    terminal.until("These follow from your answers")
    terminal.process.kill(signal.SIGTERM)
    assert terminal.end() == 128 + signal.SIGTERM
    (kept,) = (tmp_path / "state" / "groundplan").glob("service-*.yml")
    assert yaml.safe_load(kept.read_text()) == {"product": "web_app"}


@pytest.mark.parametrize("wait", [0.0, 0.4, 0.8, 1.2, 1.6, 2.0])
def test_who_leaves_while_it_is_written_loses_nothing(start: Start, tmp_path: Path, wait: float) -> None:
    """At any moment, either the project is there, or the answers are."""
    terminal = start("--preset", "rest_api", "--data", "framework=fastapi", "--data", "name=Service")
    terminal.until("These follow from your answers")
    terminal.press(ENTER)
    terminal.until("Write the project to", "» Yes, write it")
    terminal.press(ENTER)
    time.sleep(wait)
    terminal.press("\x03")
    terminal.end()
    left = {path.name for path in tmp_path.iterdir()} - {"state"}
    if left:
        assert left == {"service"}
        assert (tmp_path / "service" / "README.md").exists()
        assert "Your answers are kept" not in terminal.output
    else:
        assert "Nothing was written. Your answers are kept" in terminal.output


@pytest.mark.parametrize(
    ("directory", "name"),
    [("book-club", "Book Club"), ("API.v2_", "API V2"), ("bücher", "Bücher"), ("a\u202eb", None), ("x" * 99, None)],
)
def test_the_directory_suggests_the_name(template: Path, directory: str, name: str | None) -> None:
    with fetched(resolve(str(template), None), to_render=False) as questionnaire:
        assert suggested(questionnaire, directory) == ({"name": name} if name else {})


def test_nothing_is_kept_where_nothing_was_answered(start: Start, tmp_path: Path) -> None:
    terminal = start()
    terminal.until("What kind of service", "A data pipeline")
    terminal.press("\x03")
    assert terminal.end() == 130
    assert terminal.output.rstrip().endswith("Nothing was written.")
    assert list(tmp_path.iterdir()) == []


def test_a_script_needs_no_further_answers(start: Start, tmp_path: Path) -> None:
    terminal = start("--data", "product=script")
    terminal.until("[2 of 3] Which framework", "Better: a Python script with Typer", "» Neither")
    terminal.press(ENTER)
    assert terminal.end() == 3
    assert "Typer" in terminal.output
    assert not (tmp_path / "service").exists()


def test_without_colours(template: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "groundplan", "new", "service", "--template", template]
    terminal = Terminal(command, tmp_path, {"NO_COLOR": "1"})
    terminal.until("What kind of service", "A data pipeline")
    terminal.press("\x03")
    terminal.end()
    colours = {cell.fg for line in terminal.emulated.buffer.values() for cell in line.values()}
    assert colours <= {"default"}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_screen_fits(template: Path, product: str) -> None:
    """Texts below 80 columns, and at most 24 lines for a question with its choices, a hint and a way back."""
    with fetched(resolve(str(template), None)) as questionnaire:
        for framework in FRAMEWORKS:
            outcome = questionnaire.decide({"product": product, "framework": framework})
            for name in questionnaire.questions:
                fact = outcome.facts(name)
                text = f"[10 of 12] {fact['text']}".splitlines()
                assert max(map(len, text)) < COLUMNS, name
                assert all(len(choice) < COLUMNS - 4 for choice in fact["choices"].values()), name
                assert len(text) + 1 + len(fact["choices"]) + 1 <= LINES, name
            rows = outcome.rows(list(questionnaire.questions))
            assert all(len(row) < COLUMNS - 4 for row in rows.values())
            assert all(row[16:18] == "  " and row[18] != " " for row in rows.values())
            for part in (list(answers_for(product)), [name for name in rows if name not in answers_for(product)]):
                assert 3 + len(part) <= LINES


def test_the_list_of_questions_is_an_answers_file(template: Path, tmp_path: Path) -> None:
    listed = groundplan_here("questions", "--template", template, "--preset", "cms").stdout
    assert yaml.safe_load(listed) == yaml.safe_load((template / "presets" / "cms.yml").read_text())
    assert "# What kind of service is it?" in listed
    assert "#   cms: A website with content" in listed
    (tmp_path / "answers.yml").write_text(listed)
    arguments = ("--template", template, "--answers", tmp_path / "answers.yml")
    assert groundplan_here("new", tmp_path / "service", *arguments, "--defaults").returncode == 0


def test_the_questions_as_json(template: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "groundplan", "questions", "--template", template, "--format", "json"],
        capture_output=True,
        check=True,
    )
    facts = {fact["id"]: fact for fact in yaml.safe_load(done.stdout)}
    assert (facts["target"]["several"], facts["target"]["answer"]) == (True, ["compose"])
    assert facts["ci"]["choices"]["gitlab"] == "GitLab CI"
    assert facts["server"]["asked"]
    assert not {"has", "decision", "built"} & facts.keys()


def test_the_image_in_the_readme_shows_the_command_as_it_is() -> None:
    subprocess.run([sys.executable, "scripts/record.py", "--check"], cwd=ROOT, check=True)
