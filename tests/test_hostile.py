"""Any text as a name, description, author, address or package: it is refused, or kept exactly."""

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.projects import QUICK, Project, parse_all, set_up
from tests.test_names import problem_of_line
from tests.tools import FRAMEWORKS, commit_all, groundplan, render, render_anew, run

NASTY = [
    'It\'s a "quoted" name',
    "''''' \"",
    '"""',
    "'''",
    "\\",
    "\\n \\u0041 \\x41 \\N{BULLET} \\",
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "${{ github.token }} $(id) `id` ${HOME} %PATH% $$",
    "]]> <script>alert(1)</script> --> &amp; <!--",
    "; rm -rf / && echo | > < * ? ~ !",
    "# not a comment",
    "- : ? & * ! | > % @ [ ] { } , yes no null ~ 1.0",
    "key: value # comment",
    "[project] name = 'x'",
    "شركة الخدمات العربية",
    "שירות 🧾 日本語 Ünïcode \u200d\u200c",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "%(name)s %s {0} {name} {",
    "import os; os.system('id')",
    "../../etc/passwd",
    "---",
    "null",
    "0123",
    "_under_ *star* ~tilde~ [link](http://example.com)",
    "x" * 80,
]
REFUSED = [
    "two\nlines",
    "carriage\rreturn",
    "nul\0",
    "tab\tbed",
    "\x1b[31mred",
    "\u202eright to left",
    "\u2028",
    "\x85",
    "x" * 81,
    " ",
    "",
    " x",
    "x ",
    "\x7f",
]

line = st.one_of(
    st.sampled_from([*NASTY, *REFUSED]),
    st.text(max_size=90),
    st.text(alphabet="\"'\\{}%#$`<>&|;:*!?[]()~@^=+-,./\n \u00e9\u202e\U0001f600", max_size=40),
)
slug = st.one_of(
    st.just(None),
    st.sampled_from(
        ["class", "None", "json", "django", "my-service", "a/b", "../up", "con", "tests", "items", "ü", "a" * 41, ""]
    ),
    st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True),
    st.text(max_size=10),
)
email = st.one_of(
    st.just(""), st.emails(), st.text(max_size=20), st.sampled_from(['"a b"@example.com', "a@b", "a@example.com\n"])
)
hostile = st.fixed_dictionaries(
    {"name": line, "description": line, "author": line}, optional={"slug": slug, "email": email}
)


def given_answers(answers: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answers.items() if value is not None}


def holds(project: Path, answers: dict[str, Any]) -> None:
    """Every file parses, and the texts stand in the metadata as they were typed."""
    parse_all(project)
    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about: dict[str, str] = {}
    exec((project / recorded["slug"] / "core" / "about.py").read_text(encoding="utf-8"), about)  # noqa: S102
    assert {key: recorded[key] for key in answers} == answers
    assert metadata["description"] == about["DESCRIPTION"] == answers["description"]
    assert about["NAME"] == answers["name"]
    assert metadata["authors"][0]["name"] == answers["author"]
    assert metadata["authors"][0].get("email", "") == recorded["email"]
    assert metadata["name"] == recorded["slug"].replace("_", "-")
    assert answers["author"] in (project / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(answers=hostile)
@example(answers={"name": "{{ name }}", "description": "\\", "author": '"', "slug": "a" * 40})
def test_refused_or_held(framework: str, template: Path, answers: dict[str, Any]) -> None:
    answers = given_answers(answers)
    with tempfile.TemporaryDirectory() as directory:
        destination = Path(directory) / "service"
        try:
            render_anew(template, destination, framework=framework, **answers)
        except ValueError as error:
            assert any(f"question '{key}'" in str(error) for key in answers), error  # noqa: PT017 - either is right
            assert not destination.exists()
        else:
            holds(destination, answers)


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("question", ["name", "author"])
def test_what_is_no_line_of_text_is_refused(template: Path, tmp_path: Path, question: str, text: str) -> None:
    long_enough = text * 2 if len(text) > 80 else text
    with pytest.raises(ValueError, match=f"question '{question}'"):
        render_anew(template, tmp_path / "service", framework="django", **{question: long_enough})
    assert not (tmp_path / "service").exists()


def test_bytes_that_are_no_text_are_refused(template: Path, tmp_path: Path) -> None:
    result = groundplan("new", tmp_path / "service", "--template", template, "--defaults", "--data", "name=\udcff")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def environment_for(framework: str, template: Path, directory: Path) -> Path:
    """One environment serves all projects of a framework: the answers here change no dependency."""
    return set_up(render(template, directory / "plain", framework=framework)).environment


accepted = line.filter(lambda text: problem_of_line(text) == "")
held = st.fixed_dictionaries({"name": accepted, "description": accepted, "author": accepted})


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(answers=held)
def test_whatever_is_held_is_formatted_and_linted(framework: str, template: Path, answers: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = render_anew(template, Path(directory) / "service", framework=framework, **answers)
        holds(path, answers)
        project = Project(path, environment_for(framework, template, Path(directory)))
        project.run("ruff", "format", "--check", ".")
        project.run("ruff", "check", ".")


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_worst_that_is_held_passes_all_checks(framework: str, template: Path, tmp_path: Path) -> None:
    """Strict types and the project's own tests among them; each text has something of every kind."""
    worst = {
        "slug": "a" * 40,
        "name": "'\"\\ \"\"\" ''' {{ 7*7 }} {% raw %} {# ${HOME} $(id) %(n)s {0} <!-- &amp; 🧾 ש",
        "description": "".join(NASTY)[:200].strip(),
        "author": '`id` \'\' """ \\N{BULLET} # : - [x] {} * _ {{ 1 }} <b> %s שירות 👩‍👩‍👧‍👦',
    }
    path = render(template, tmp_path / "service", framework=framework, **worst)
    holds(path, worst)
    project = Project(path, environment_for(framework, template, tmp_path))
    project.poe("check", PYTEST_ADDOPTS=QUICK)
    project.run("pytest", "-q", "tests/core/test_server.py")  # of the slow ones, it serves these texts


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_held_is_formatted_and_linted_and_updates(framework: str, template: Path, tmp_path: Path) -> None:
    environment = environment_for(framework, template, tmp_path)
    (tmp_path / "improved").mkdir()
    improved = tmp_path / "improved" / "template"
    run("git", "clone", "--quiet", template, improved)
    longest = {"slug": "a" * 40, "name": "🧾" * 79 + "a", "description": "\\\"'" * 66, "author": "'" * 120}
    texts = [NASTY[number : number + 3] for number in range(0, len(NASTY) - 2, 3)] + [NASTY[-3:]]
    mixed = [{"name": f"{name} 1", "description": description, "author": author} for name, description, author in texts]
    shortest = {"slug": "zz", "name": "z", "description": "", "author": "-"}
    cases = [longest, shortest, *mixed]
    for number, answers in enumerate(cases):
        project = Project(tmp_path / f"service{number}", environment)
        render(improved, project.path, framework=framework, **answers)
        holds(project.path, answers)
        project.run("ruff", "format", "--check", ".")
        project.run("ruff", "check", ".")
        commit_all(project.path, "Start", init=True)
        run("git", "clean", "--quiet", "-fdX", cwd=project.path)  # what the checks cached is no text
    editorconfig = improved / "template_shared" / "editorconfig"
    editorconfig.write_text(editorconfig.read_text() + "# improved\n")
    commit_all(improved, "Improve")
    # An update reads the texts from the answers file, which is the same for both: the longest, the shortest, and those
    # that look like other YAML.
    for number in {"django": (0, len(cases) - 3), "fastapi": (1, len(cases) - 2)}[framework]:
        answers = cases[number]
        project = Project(tmp_path / f"service{number}", environment)
        result = groundplan("update", project.path)
        assert result.returncode == 0, result.stderr
        holds(project.path, answers)
        changed = run("git", "diff", "--name-only", cwd=project.path).split()
        assert changed == [".copier-answers.yml", ".editorconfig"]
