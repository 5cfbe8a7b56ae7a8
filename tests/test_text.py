"""Free text as a literal: whatever is typed, a reader of the file gets back."""

import ast
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.test_names import JINJA, problem_of_line

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
