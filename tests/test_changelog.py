"""The changelog: its fragments, and the structure that it promises to programs."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tools import ROOT, commit_all, run

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
AUDIENCES = {section["path"]: section["name"] for section in CONFIG["section"]}
TYPES = {kind["directory"]: kind["name"] for kind in CONFIG["type"]}
INTERFACE = (
    {"all": "Every project", "django": "Django projects", "fastapi": "FastAPI projects", "command": "The command"},
    {"security": "Security", "action": "Action needed", "change": "Changed"},
)
# version: audience: type: entries
Changelog = dict[str, dict[str, dict[str, list[str]]]]


def parsed(text: str) -> Changelog:
    """A changelog as a program reads it: by its headings and list items alone."""
    found: Changelog = {}
    for line in text.partition("<!-- towncrier release notes start -->\n")[2].splitlines():
        if heading := re.fullmatch(r"(##|###|####) (.+)", line):
            if heading[1] == "##":
                version = re.fullmatch(r"(\S+) \(\d{4}-\d\d-\d\d\)", heading[2])
                assert version, line
                audiences = found.setdefault(version[1], {})
            elif heading[1] == "###":
                types = audiences.setdefault(heading[2], {})
            else:
                entries = types.setdefault(heading[2], [])
        elif line.startswith("- "):
            entries.append(line.removeprefix("- "))
        elif line:
            assert line.startswith("  "), f"neither a heading nor an entry: {line}"
            entries[-1] += " " + line.strip()
    return found


def towncrier(clone: Path, version: str, code: int = 0) -> str:
    command = (sys.executable, "-m", "towncrier", "build", "--yes", "--date", "2026-12-01", "--version", version)
    return run(*command, cwd=clone, code=code)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with this one's configuration and template of the changelog, and no changes."""
    for name in ("pyproject.toml", "CHANGELOG.md", CONFIG["template"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    commit_all(tmp_path, "Start", init=True)
    return tmp_path


def add(clone: Path, name: str, text: str) -> None:
    file = clone / "changelog.d" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def test_the_headings_are_the_documented_ones() -> None:
    """`groundplan check` of every later version reads them, so add, but never rename or remove."""
    assert INTERFACE == (AUDIENCES, TYPES)
    introduction = " ".join((ROOT / "CHANGELOG.md").read_text().partition("<!--")[0].split())
    for name in (*AUDIENCES.values(), *TYPES.values()):
        assert f'"{name}"' in introduction
    for name in (*AUDIENCES, *TYPES):
        assert f"`{name}`" in (ROOT / "CONTRIBUTING.md").read_text()


def test_every_fragment_has_an_audience_and_a_type() -> None:
    for path in (ROOT / "changelog.d").rglob("*"):
        if path.is_file() and path.name != "template.md.jinja":
            name = path.relative_to(ROOT / "changelog.d").as_posix()
            assert re.fullmatch(rf"({'|'.join(AUDIENCES)})/\+[a-z0-9-]+\.({'|'.join(TYPES)})\.md", name), name
            lines = path.read_text().splitlines()
            assert all(lines), f"{name} must be one paragraph"
            assert not re.match(r"[-*#]|  ", lines[0]), f"{name} must not be a list"


def test_the_changelog_can_be_parsed() -> None:
    for audiences in parsed((ROOT / "CHANGELOG.md").read_text()).values():
        assert audiences.keys() <= set(AUDIENCES.values())
        for types in audiences.values():
            assert types.keys() <= set(TYPES.values())


def test_a_draft_contains_every_fragment() -> None:
    draft = run(sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9", cwd=ROOT)
    found = parsed(
        "<!-- towncrier release notes start -->\n" + draft[draft.find("## 9.9.9") :] if "## " in draft else ""
    )
    entries = {entry for types in found.get("9.9.9", {}).values() for listed in types.values() for entry in listed}
    assert entries == {" ".join(path.read_text().split()) for path in (ROOT / "changelog.d").glob("*/*.md")}


def test_a_version_lists_what_changed_for_whom(clone: Path) -> None:
    add(clone, "all/+b.change.md", "Logs have a\nnew field.\n")
    add(clone, "all/+a.security.md", "Bodies are limited.\n")
    commit_all(clone, "Changes")
    towncrier(clone, "1.0.0")
    commit_all(clone, "Release")
    add(clone, "django/+a.action.md", "Add `x` to `settings.py`.\n")
    commit_all(clone, "Changes")
    towncrier(clone, "1.1.0")
    assert parsed((clone / "CHANGELOG.md").read_text()) == {
        "1.1.0": {"Django projects": {"Action needed": ["Add `x` to `settings.py`."]}},
        "1.0.0": {"Every project": {"Security": ["Bodies are limited."], "Changed": ["Logs have a new field."]}},
    }
    assert [path.name for path in (clone / "changelog.d").rglob("*") if path.is_file()] == ["template.md.jinja"]


def test_a_fragment_of_an_unknown_type_is_an_error(clone: Path) -> None:
    add(clone, "all/+a.feature.md", "Something new.\n")
    commit_all(clone, "Changes")
    assert "+a.feature.md" in towncrier(clone, "1.0.0", code=1)
