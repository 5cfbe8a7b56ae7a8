"""The preview of an update: the changelog and the files that change."""

import textwrap
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LINES = 30  # of the changelog
SHORTENED = "Changed"  # the only kind of entries that is: the others ask something of the owner
WIDTH = 80

# The entries of a changelog: audience, type and text.
Entries = dict[tuple[str, str, str], None]  # a set that keeps its order


def news(old: Path, new: Path, framework: str) -> dict[str, list[str]]:
    """Return what the changelog of version `new` says and that of `old` does not, by the names of its types.

    Entries about the command or another framework are left out. A template without a changelog has no news.
    """
    try:
        settings = tomllib.loads((new / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
        known = {text for _, _, text in _entries(old, settings)}
        added = [entry for entry in _entries(new, settings) if entry[2] not in known]
        names = {kind["directory"]: kind["name"] for kind in settings["type"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    found = {
        name: [text for audience, kind, text in added if kind == key and audience in {"all", framework}]
        for key, name in names.items()
    }
    return {name: texts for name, texts in found.items() if texts}


def _entries(template: Path, settings: dict[str, Any]) -> Entries:
    """Return what is released, and the fragments of what is not: see CONTRIBUTING.md."""
    kinds = [kind["directory"] for kind in settings["type"]]
    found: Entries = {}
    for audience in settings["section"]:
        for fragment in sorted((template / settings["directory"] / audience["path"]).glob("*.md")):
            kind = next((part for part in fragment.name.split(".") if part in kinds), "")
            found[audience["path"], kind, _line(fragment.read_text(encoding="utf-8"))] = None
    released = template / settings["filename"]
    return found | (_released(released.read_text(encoding="utf-8"), settings) if released.is_file() else {})


def _released(text: str, settings: dict[str, Any]) -> Entries:
    audiences = {f"### {audience['name']}": audience["path"] for audience in settings["section"]}
    kinds = {f"#### {kind['name']}": kind["directory"] for kind in settings["type"]}
    audience = kind = ""
    entries: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("#"):
            audience, kind = audiences.get(line, audience if line in kinds else ""), kinds.get(line, "")
        elif line.startswith("- ") and kind:
            entries.append((audience, kind, [line.removeprefix("- ")]))
        elif kind and entries:
            entries[-1][2].append(line)
    return {(audience, kind, _line(" ".join(lines))): None for audience, kind, lines in entries}


def _line(text: str) -> str:
    return " ".join(text.split())


def changelog(added: dict[str, list[str]], source: str, most: float = LINES) -> str:
    """Return the text for `news`; `source` is the template, where the rest of a long one can be read."""
    lines: list[str] = []
    left_out = 0
    for name, texts in added.items():
        may_end = name == SHORTENED
        lines += ["", name] if len(lines) < most or not may_end else []
        for text in texts:
            wrapped = _wrapped(text, "  - ")
            if may_end and (left_out or len(lines) + len(wrapped) > most):
                left_out += 1
            else:
                lines += wrapped
    if left_out:
        lines.append(f"  … and {left_out} more: see CHANGELOG.md and changelog.d in {source}")
    return "\n".join(lines)


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def files(changed: Iterable[tuple[str, str]]) -> str:
    """Return the text for pairs of an effect, such as "added", and a file."""
    return "\n".join(f"  {effect:9}{file}" for effect, file in changed)
