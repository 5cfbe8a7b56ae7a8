"""Text: free text from answers as literals, and plain English in everything that this repository writes."""

import ast
import html
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.test_names import JINJA, problem_of_line
from tests.tools import ROOT, run

TEXT = JINJA.get_template("extensions/text.jinja").module
lines = st.text(min_size=1, max_size=80).filter(lambda text: problem_of_line(text) == "")


def markdown(text: str) -> str:
    return str(TEXT.markdown(text))  # type: ignore[attr-defined]


@given(lines)
def test_python(text: str) -> None:
    assert ast.literal_eval(str(TEXT.python(text))) == text  # type: ignore[attr-defined]


@given(lines)
def test_toml(text: str) -> None:
    literal = JINJA.from_string("{{ text | to_json(ensure_ascii=False) }}").render(text=text)
    assert tomllib.loads(f"text = {literal}") == {"text": text}


@given(lines)
@pytest.mark.parametrize("context", ["{}", "# {}"])
def test_markdown(context: str, text: str) -> None:
    """What CommonMark shows is the text, as one paragraph or one heading without any markup."""
    tokens = MarkdownIt().parse(context.format(markdown(text)))
    assert [token.type for token in tokens if token.nesting == 1] in (["paragraph_open"], ["heading_open"])
    inline = [child for token in tokens if token.type == "inline" for child in token.children or []]
    assert {child.type for child in inline} <= {"text"}
    assert "".join(child.content for child in inline) == text


@pytest.mark.parametrize(
    "text", ["- a", "+ a", "* a", "1. a", "1) a", "# a", "> a", "---", "===", "| a |", "![a](b)", "&amp;"]
)
def test_markdown_that_begins_like_something_else(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(markdown(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]


@given(lines)
def test_html(text: str) -> None:
    """Neither a browser nor Django finds anything but text."""
    escaped = str(TEXT.html(text))  # type: ignore[attr-defined]
    assert html.unescape(escaped) == text
    assert not re.search(r"[<>\"']|\{", escaped)


# --- Plain English ---

# Words and phrases that sound translated, with better ones. The templates are checked as well, before rendering.
UNUSUAL = {
    r"shall": "will, must, or the present tense",
    r"whoever|whomever": "the user, the client, anyone who",
    r"whatever": "any, all, regardless of",
    r"mend(s|ed|ing)?": "fix",
    r"for ever": "forever, permanently",
    r"such that": "so that",
    r"anew": "again",
    r"(be|is|are) rid of": "remove",
    r"lest": "so that ... not",
    r"in silence": "silently",
    r"of [A-Z]\w+'s(?=[.,;:)])": "of Django, Django's",
    r"(what|who) (comes|came|stands) (in|from|of)": "name the thing",
    r"at (a|the) terminal": "in a terminal",
    r"by mail": "by email",
    r"a mail(?! server| application)": "an email",
    r"\d+ % [a-z]+": "30%, without a space",
}
WORDS = re.compile("|".join(rf"(?P<word{number}>\b(?:{word})\b)" for number, word in enumerate(UNUSUAL)), re.IGNORECASE)
# A comment or docstring that is a relative clause, such as "What joins requests." Questions are fine.
CLAUSE = re.compile(r"""^\s*(?:#|//|\{#-?|\"{3})\s*(?P<clause>(?:What|Who|Whose|Which)\b[^?\n]*)$""")
NO_PROSE = re.compile(
    r"(^|/)(LICENSE|uv\.lock(\.jinja)?)$|^template_shared/licences/|\.(onnx|svg|webp)$|^tests/test_text\.py$"
)
ALLOWED: dict[str, set[str]] = {}  # file: the words that are legitimate in it


def prose() -> Iterator[tuple[str, int, str]]:
    """Every line of the repository's files, the templates among them: file, number and text."""
    for name in filter(None, run("git", "ls-files", "-z", cwd=ROOT).split("\0")):
        path = Path(ROOT, name)
        if NO_PROSE.search(name) or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            yield name, number, line


def unusual(name: str, line: str) -> Iterator[str]:
    """What is wrong with a line."""
    for match in WORDS.finditer(line):
        if match[0].lower() not in ALLOWED.get(name, set()):
            better = list(UNUSUAL.values())[int(str(match.lastgroup).removeprefix("word"))]
            yield f"{match[0]!r} (better: {better})"
    if not name.startswith("tests/") and (clause := CLAUSE.match(line)):
        yield f"{clause['clause'][:50]!r} (better: a sentence or a noun)"


def test_plain_english() -> None:
    found = [f"{name}:{number}: {problem}" for name, number, line in prose() for problem in unusual(name, line)]
    assert not found, f"{len(found)} places:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "# The service shall start.",
        "It is for whoever asks.",
        '"""Run it, whatever happens."""',
        "mends the format",
        "It waits for ever.",
        "a setting, such that nothing is lost",
        "# made anew where it changes",
        "To be rid of it, delete it.",
        "a command of Django's.",
        "At a terminal, it asks.",
        "A code arrives by mail.",
        "It sends a mail.",
        "It takes 30 % of the time.",
        "# What joins requests",
        '    """Who may connect, and from where."""',
    ],
)
def test_unusual_english_is_found(line: str) -> None:
    assert list(unusual("README.md", line))


@pytest.mark.parametrize(
    "line",
    [
        "the recommended framework, and how to recommend it",
        "# What does it print?",
        "the marshalled, shallow copy of Django's settings",
        "However it fails, forever is a long time.",
        "a mail server that takes 30% of the time",
        "number % length",
    ],
)
def test_usual_english_passes(line: str) -> None:
    assert not list(unusual("README.md", line))
