"""What the command accepts as an answer, with a small template of every kind of question."""

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from groundplan.answers import collect
from groundplan.errors import ExitCode, Stop
from groundplan.template import Template, fetched, resolve
from tests.tools import ROOT, commit_all, groundplan_here

QUESTIONNAIRE = """
_envops: {undefined: jinja2.StrictUndefined}
_subdirectory: files
_exclude: ["{% if framework == 'neither' %}*{% endif %}"]
_message_after_copy: "{{ name }} on {{ framework }}"

framework:
  type: str
  choices: [django, fastapi, neither]
  default: django
pages:
  type: bool
  ask: "{{ framework == 'django' }}"
  default: true
label_and_value:
  type: str
  choices: [[The first, first], [The second, second]]
  default: first
by_label:
  type: str
  choices: {The first: first, The second: second}
  default: first
with_validator:
  type: str
  choices:
    Always: {value: always}
    With pages: {value: paged, validator: "{% if not pages %}it needs pages{% endif %}"}
  default: always
templated:
  type: str
  choices: |
    {% for name in ['one', framework] %}
    - {{ name }}
    {% endfor %}
  default: one
templated_labels:
  type: str
  choices: |
    one: 1
    on {{ framework }}: {value: two, validator: ""}
  default: "1"
extended:
  type: str
  choices: [[The first, {value: first}], [The second, {value: second, validator: "not {{ framework }}"}]]
  default: first
templated_values:
  type: str
  choices: [one, "{{ framework }}_only"]
  default: one
number:
  type: int
  choices: [1, 2]
  default: 1
version:
  type: str
  choices: [3.12, 3.13]
  default: "3.12"
several:
  type: str
  multiselect: true
  choices: [[A, a], [B, b], [C, c]]
  default: [a]
ratio:
  type: float
  default: 0.5
count:
  type: int
  default: 1
structure:
  type: yaml
  default: []
is_django:
  type: bool
  when: false
  default: "{{ framework == 'django' }}"
server:
  type: str
  when: "{{ is_django }}"
  choices: [gunicorn, granian]
  default: gunicorn
cache:
  type: str
  when: "{{ pages }}"
  default: none
name:
  type: str
  when: "{{ framework != 'neither' }}"
  default: Service
  validator: "{% if name == 'bad' %}choose a better name{% endif %}"
decision:
  type: yaml
  ask: false
  default: "{recommended: {{ framework }}, pages: {{ pages }}}"
"""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made_up")
    (directory / "copier.yml").write_text(QUESTIONNAIRE)
    for page in ("scoreboard", "record"):
        (directory / "extensions").mkdir(exist_ok=True)
        (directory / "extensions" / f"{page}.jinja").write_text(f"{page}: {{{{ decision.recommended }}}}\n")
    (directory / "files").mkdir()
    (directory / "files" / "{{ _copier_conf.answers_file }}.jinja").write_text("{{ _copier_answers | to_nice_yaml }}")
    (directory / "presets").mkdir()
    (directory / "presets" / "odd.yml").write_text("# Contradicts itself.\nframework: fastapi\nserver: granian\n")
    commit_all(directory, "A made-up template", init=True)
    return directory


@pytest.fixture
def questions(made_up: Path) -> Iterator[Template]:
    with fetched(resolve(str(made_up), None)) as template:
        yield template


@pytest.mark.parametrize(
    ("question", "given", "accepted"),
    [
        ("framework", "fastapi", "fastapi"),
        ("pages", "false", False),
        ("pages", False, False),
        ("label_and_value", "second", "second"),
        ("by_label", "second", "second"),
        ("with_validator", "paged", "paged"),
        ("templated", "django", "django"),
        ("templated_values", "django_only", "django_only"),
        ("templated_labels", "two", "two"),
        ("extended", "first", "first"),
        ("number", "2", 2),
        ("number", 2, 2),
        ("version", "3.13", "3.13"),
        ("version", 3.13, "3.13"),
        ("several", "c, a", ["a", "c"]),
        ("several", "[b]", ["b"]),
        ("several", ["b", "a"], ["a", "b"]),
        ("several", "", []),
        ("ratio", "0.25", 0.25),
        ("ratio", 1, 1.0),
        ("count", 5, 5),
        ("structure", "{a: [1]}", {"a": [1]}),
        ("structure", {"a": [1]}, {"a": [1]}),
        ("structure", None, None),
        ("name", "{{ 1 }}", "{{ 1 }}"),
    ],
)
def test_an_answer_has_the_type_of_its_question(questions: Template, question: str, given: Any, accepted: Any) -> None:
    checked = questions.check({question: given})
    assert questions.decide(checked).answers[question] == accepted


DEEP: list[Any] = []
for _ in range(100):
    DEEP = [DEEP, DEEP]  # as from aliases: its text would have 2 ** 100 characters


@pytest.mark.parametrize(
    ("question", "given", "message"),
    [
        ("framework", "flask", "'flask' is not one of django, fastapi, neither."),
        ("framework", "", "'' is not one of django, fastapi, neither."),
        ("framework", None, "null is not an answer."),
        (
            "framework",
            DEEP,
            "[[[[*",
        ),
        ("pages", "perhaps", "'perhaps' is neither true nor false."),
        ("pages", "", "'' is neither true nor false."),
        ("pages", 1, "1 is neither true nor false."),
        ("pages", [True], "[True] is neither true nor false."),
        ("label_and_value", "The second", "'The second' is not one of first, second."),
        ("by_label", "The second", "'The second' is not one of first, second."),
        ("with_validator", "never", "'never' is not one of always, paged."),
        ("templated", "two", "'two' is not one of one, django."),
        ("templated_labels", "three", "'three' is not one of 1, two."),
        ("extended", "second", "not django"),
        ("extended", "third", "'third' is not one of first."),
        ("templated_values", "two", "'two' is not one of one, django_only."),
        ("number", "3", "3 is not one of 1, 2."),
        ("number", "many", "'many' is not a whole number."),
        ("number", 1.5, "1.5 is not a whole number."),
        ("number", True, "true is not a whole number."),
        ("number", None, "null is not an answer."),
        ("version", False, "'False' is not one of 3.12, 3.13."),
        ("version", datetime.date(2026, 1, 2), "datetime.date(2026, 1, 2) is not text; quote it in a YAML file."),
        ("several", "a, d", "'d' is not one of a, b, c."),
        ("several", 5, "'5' is not one of a, b, c."),
        ("several", None, "null is not an answer."),
        ("several", {"a": True}, "[{'a': True}] is not text; quote it in a YAML file."),
        ("several", ["a", ["b"]], "['a', ['b']] is not text; quote it in a YAML file."),
        ("several", "[a", "while parsing a flow sequence*"),
        ("several", "[" * 5000, "it is nested too deeply."),
        ("ratio", "half", "'half' is not a number."),
        ("ratio", True, "true is not a number."),
        ("count", "half", "'half' is not a whole number."),
        ("count", [1], "[1] is not a whole number."),
        ("structure", "[" * 5000, "it is nested too deeply."),
        ("name", 5, "5 is not text; quote it in a YAML file."),
        ("name", None, "null is not an answer."),
        ("name", "bad", "choose a better name"),
    ],
)
def test_a_wrong_answer_is_refused(questions: Template, question: str, given: Any, message: str) -> None:
    with pytest.raises(Stop) as refused:
        questions.decide(questions.check({question: given}))
    assert refused.value.code is ExitCode.USAGE
    told = str(refused.value)
    assert told.startswith(f"{question}: {message.removesuffix('*')}")
    assert message.endswith("*") or told == f"{question}: {message}"
    assert "\n" not in told
    assert len(told) < 1000


@pytest.mark.parametrize("question", ["is_django", "decision", "colour"])
def test_what_is_not_a_question_is_refused(questions: Template, question: str) -> None:
    with pytest.raises(
        Stop, match=f"Unknown question '{question}'. (Did you mean .*? )?Allowed: framework, pages, .*, name"
    ):
        questions.check({question: "x"})


def test_the_reason_of_a_refused_choice_is_shown(questions: Template) -> None:
    with pytest.raises(Stop, match="with_validator: it needs pages"):
        questions.check({"pages": "false", "with_validator": "paged"})


@pytest.mark.parametrize("answers", [{"templated": "fastapi"}, {"with_validator": "paged"}, {"server": "granian"}])
def test_what_depends_on_open_questions_is_left_to_copier(questions: Template, answers: dict[str, str]) -> None:
    assert questions.check(answers) == answers


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"framework": "fastapi", "server": "granian"}, "`server` is not asked when framework is fastapi."),
        ({"server": "granian", "framework": "fastapi"}, "`server` is not asked when framework is fastapi."),
        ({"pages": "false", "cache": "redis"}, "`cache` is not asked when pages is false."),
        ({"framework": "neither", "name": "Shop"}, "`name` is not asked when framework is neither."),
    ],
)
def test_an_answer_to_a_question_that_is_not_asked_is_refused_at_once(
    questions: Template, answers: dict[str, str], message: str
) -> None:
    with pytest.raises(Stop) as refused:
        questions.check(answers)
    assert (str(refused.value), refused.value.code) == (message, ExitCode.USAGE)


def test_a_default_may_show_that_a_question_is_not_asked(made_up: Path, tmp_path: Path) -> None:
    source = resolve(str(made_up), None)
    (tmp_path / "settings.yml").write_text("defaults: {framework: fastapi}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "settings.yml"))
        with fetched(source) as template, pytest.raises(Stop) as refused:
            template.render(template.check({"server": "granian"}), tmp_path / "service", defaults=True)
    assert str(refused.value) == "`server` is not asked when framework is fastapi."


def test_a_question_that_is_settled_but_applies_may_be_answered(questions: Template) -> None:
    answers = questions.check({"framework": "fastapi", "pages": "true"})
    assert questions.decide(answers).answers["pages"] is True


def test_presets_are_checked_like_other_answers(questions: Template) -> None:
    with pytest.raises(Stop, match="`server` is not asked when framework is fastapi"):
        collect(questions, preset="odd")


def test_an_answers_file_is_checked_like_other_answers(questions: Template, tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("_commit: x\n_src_path: y\ndecision: {}\nserver: granian\n")
    assert collect(questions, file=tmp_path / "answers.yml") == {"server": "granian"}
    with pytest.raises(Stop, match="`server` is not asked when framework is fastapi"):
        collect(questions, file=tmp_path / "answers.yml", framework="fastapi")


def test_nothing_is_written_for_a_question_that_is_not_asked(made_up: Path, tmp_path: Path) -> None:
    arguments = ("--template", made_up, "--preset", "odd", "--defaults")
    assert groundplan_here("new", tmp_path / "service", *arguments).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_typed_answer_may_show_that_a_question_is_not_asked(made_up: Path, tmp_path: Path) -> None:
    given = [
        *("server=granian", "pages=true", "cache=none", "name=Shop", "ratio=1", "number=1", "version=3.12"),
        *("several=a", "label_and_value=first", "by_label=first", "with_validator=always"),
        *("templated=one", "templated_values=one", "templated_labels=1", "extended=first", "count=1", "structure=[]"),
    ]
    data = [part for answer in given for part in ("--data", answer)]
    command = ["-m", "groundplan", "new", str(tmp_path / "service"), "--template", str(made_up), *data]
    child = pexpect.spawn(sys.executable, command, cwd=ROOT, encoding="utf-8", dimensions=(50, 200), timeout=60)
    child.expect("neither")
    child.send("\x1b[B\r")  # the second choice
    child.expect("`server` is not asked when framework is fastapi.")
    child.expect("neither")  # asked again
    child.sendcontrol("c")
    child.expect(pexpect.EOF)
    assert child.wait() == 130
    assert list(tmp_path.iterdir()) == []


def test_the_order_of_calls_does_not_matter(questions: Template, tmp_path: Path) -> None:
    first = questions.decide({"framework": "fastapi", "pages": False})
    second = questions.decide({})
    written = questions.render({"framework": "fastapi"}, tmp_path / "service", defaults=True)
    third = questions.decide({})
    assert [each.decision["recommended"] for each in (first, second, third)] == ["fastapi", "django", "django"]
    assert [each.decision["pages"] for each in (first, second, third)] == [False, True, True]
    assert first.describe(markdown=False) == "scoreboard: fastapi"
    assert second.describe(markdown=True) == "record: django"
    assert written.farewell() == "Service on fastapi"
    assert (second.answers, second.unasked) == (third.answers, third.unasked)
