"""Names of projects and packages."""

import itertools

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.loaders import FileSystemLoader
from jinja2.sandbox import SandboxedEnvironment

from tests.projects import PYTHON
from tests.tools import ROOT, run

JINJA = SandboxedEnvironment(
    loader=FileSystemLoader(ROOT),
    undefined=StrictUndefined,
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
)
NAMES = JINJA.get_template("extensions/names.jinja").module
RESERVED = yaml.safe_load((ROOT / "extensions" / "reserved.yml").read_text())


def problem(slug: str, built: str | None = None) -> str:
    return str(NAMES.slug_problem(slug, {"slug": built} if built is not None else None)).strip()  # type: ignore[attr-defined]


def problem_of_line(text: str) -> str:
    return str(NAMES.name_problem(text, None)).strip()  # type: ignore[attr-defined]


def problem_of_email(text: str) -> str:
    return str(NAMES.email_problem(text)).strip()  # type: ignore[attr-defined]


def suggested(name: str) -> str:
    return str(NAMES.slug_of(name)).strip()  # type: ignore[attr-defined]


@pytest.mark.parametrize("slug", ["ab", "billing", "order_desk", "a1_b2", "a" * 40])
def test_good_names(slug: str) -> None:
    assert problem(slug) == ""


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "A",
        "Billing",
        "1st",
        "_x",
        "x_",
        "a__b",
        "a-b",
        "a b",
        "a.b",
        "a/b",
        "../a",
        "ä",
        "a\n",
        "a" * 41,
        "{{ 1 }}",
    ],
)
def test_names_that_are_no_package(slug: str) -> None:
    assert problem(slug)
    assert problem(slug, built=slug)


TAKEN = [
    *("class", "async", "match", "json", "types", "test"),
    *("django", "fastapi", "pydantic_settings", "sqlalchemy"),
    *("tests", "docs", "migrations", "conftest", "manage"),
    *("postgres", "pg_backup"),
    *("con", "nul", "com1", "lpt9"),
]


@pytest.mark.parametrize("slug", TAKEN)
def test_names_that_are_taken(slug: str) -> None:
    assert problem(slug)
    assert problem(slug, built=slug) == ""
    assert problem(slug, built="another")


def test_messages_fit_the_terminal() -> None:
    """A prompt of 80 columns shows 38 characters of a message."""
    slugs = ["A", "a", "a" * 1000, *TAKEN]
    lines = ["", "a" * 1000, "a\tb", "a\u202eb", " a", "###"]
    messages = [*map(problem, slugs), *map(problem_of_line, lines), problem_of_email("x")]
    assert all(messages)
    assert [message for message in messages if len(message) > 38] == []


def test_the_list_knows_this_python() -> None:
    """The Python that projects run on, which may be newer than the one that runs the tests."""
    program = "import keyword, sys; print(*keyword.kwlist, *keyword.softkwlist, *sys.stdlib_module_names)"
    assert {name for name in run(PYTHON, "-c", program).split() if problem(name) == ""} == set()


@given(st.text() | st.from_regex(r"\A[ _]*(pg_?)+[_ a-z0-9]*\Z"))
def test_the_suggestion_is_always_a_good_name(name: str) -> None:
    assert problem(suggested(name)) == ""


@given(st.sampled_from([*itertools.chain(*RESERVED.values())]))
def test_the_suggestion_avoids_names_that_are_taken(name: str) -> None:
    assert problem(suggested(name)) == ""


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Wärehouse", "waerehouse"),
        ("Wa\u0308rehouse", "waerehouse"),  # as macOS writes it
        ("Große Übersicht", "grosse_uebersicht"),
        ("GROẞE", "grosse"),
        ("Café Zoë", "cafe_zoe"),
        ("Cafe\u0301", "cafe"),
        ("Smørrebrød & Łódź", "smorrebrod_lodz"),
        ("İstanbul I\u015f\u0131k", "istanbul_isik"),
        ("Þingvellir", "thingvellir"),
        ("Orders 東京", "orders"),
        ("東京", "my_service"),
        ("Склад", "my_service"),
        ("🧾", "my_service"),
        ("a\u2013b\u00a0c", "a_b_c"),
        ("Con", "con_service"),
        ("NUL", "nul_service"),
        ("Jsön", "jsoen"),
        ("Jsón", "json_service"),
    ],
)
def test_letters_that_are_not_ascii(name: str, slug: str) -> None:
    assert suggested(name) == slug
    assert problem(slug) == ""


def test_a_reserved_name_is_listed_once() -> None:
    for names in RESERVED.values():
        assert names == sorted(set(names))
