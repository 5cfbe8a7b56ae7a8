"""A small template in two versions, for tests of what Copier and git do with files."""

from pathlib import Path

from tests.tools import commit_all, render_anew, run

QUESTIONS = "framework:\n  type: str\n  default: django\nname:\n  type: str\n  default: shop\n"
ANSWERS = "{{ _copier_answers | to_nice_yaml }}"
LINES = "".join(f"line {number}\n" for number in range(9))
# Of each file, its text in the two versions of the template.
VERSIONS: dict[str, tuple[str | None, str | None]] = {
    "copier.yml": (QUESTIONS, QUESTIONS),
    "{{ _copier_conf.answers_file }}.jinja": (ANSWERS, ANSWERS),
    "same.txt": ("same\n", "same\n"),
    "changed.txt": (LINES, f"first\n{LINES}"),
    "dropped.txt": (LINES, None),
    "new.txt": (None, "new\n"),
    "docs/changed.md": (LINES, f"first\n{LINES}"),
    "docs/new.md": (None, "new\n"),
    "run.sh": ("#!/bin/sh\n", "#!/bin/sh\necho\n"),
}


def write(template: Path, version: int) -> None:
    """Writes the files of the first (0) or second (1) version."""
    for name, texts in VERSIONS.items():
        place, text = template / name, texts[version]
        if text is None:
            place.unlink(missing_ok=True)
        else:
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)
    (template / "run.sh").chmod(0o755)


def make_template(place: Path) -> Path:
    """Both versions, with tags."""
    place.mkdir()
    for number, version in enumerate(("v1.0.0", "v2.0.0")):
        write(place, number)
        commit_all(place, version, init=not number)
        run("git", "tag", version, cwd=place)
    return place


def start(template: Path, project: Path) -> Path:
    """A project of the first version, committed."""
    run("git", "checkout", "--quiet", "v1.0.0", cwd=template)
    render_anew(template, project)
    run("git", "checkout", "--quiet", "v2.0.0", cwd=template)
    commit_all(project, "Start", init=True)
    return project
