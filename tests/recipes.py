"""Does what a project's recipes say, to the letter: those of docs/recipes.md, and of the pages of options."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.owner import replace
from tests.projects import Project
from tests.tools import run

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = {"python", "html", "text", "yaml"}  # a block of one of these is a new file
PAGES = ("recipes.md", "pages.md")  # with recipes as their sections
PAGE = 86  # lines that are not empty. "Calls to another service" has as many, all others have at most 80


def sections(project: Project, *pages: str) -> list[tuple[str, str]]:
    """The title and text of each section of those pages that a project has."""
    paths = [project.path / "docs" / each for each in pages]
    text = "\n".join(each.read_text() for each in paths if each.exists())
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def too_long(project: Project) -> dict[str, int]:
    """The recipes that do not fit on a page, code and tests included, with the number of their lines."""
    lines = {
        title: sum(bool(line.strip()) for line in text.splitlines())
        for title, text in sections(project, *PAGES, "media.md")
    }
    return {title: number for title, number in lines.items() if number > PAGE}


def follow(
    project: Project, name: str = "", *, page: str = "", without: Sequence[str] = (), install: bool = True
) -> None:
    """Applies every block of each recipe, or of one of them, that is a diff or a file, and adds the packages.

    A `page` is one recipe as a whole. The recipes `without` are left out.
    """
    recipes = [(page, (project.path / "docs" / page).read_text())] if page else sections(project, *PAGES)
    for title, recipe in recipes:
        if name not in title or title in without:
            continue
        for packages in re.findall(r"Run `uv add ([\w -]+)`", recipe) if install else []:
            project.uv("add", "--quiet", *packages.split())
        place, file = 0, project.path
        for block in BLOCK.finditer(recipe):
            before = recipe[place : block.start()]
            file = project.path / (re.findall(r"(?:In|Create)\s`([^`]+)`", before) or [file])[-1]
            place = block.end()
            if block[1] == "diff":
                for part in re.split(r"^@@\n", block[2], flags=re.MULTILINE):
                    edit(file, part)
            elif block[1] in FILES:
                assert not file.exists(), file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block[2])


def edit(file: Path, diff: str) -> None:
    """Applies a diff, whose context must be in the file once."""
    lines = [line or " " for line in diff.splitlines()]
    old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] in kinds) for kinds in (" -", " +"))
    text = file.read_text()
    assert text.count(old) == 1, f"{file} has {text.count(old)} times:\n{old}"
    file.write_text(text.replace(old, new))


def accept_uploads(project: Project) -> None:
    """Does what docs/media.md says under "Accept uploads"."""
    package = project.package
    page = (project.path / "docs/media.md").read_text()
    (commands,) = re.findall(r"```shell\n(mkdir.*?)```", page, re.DOTALL)
    run("sh", "-ec", commands, cwd=project.path)
    blocks = re.findall(
        r"`((?:service/documents|tests)/[\w/]+\.(?:py|html))`:\n\n.*?```(?:python|html)\n(.*?)```", page, re.DOTALL
    )
    page_files = ["models.py", "views.py", "templates/documents/document_form.html"]
    files = [*(f"service/documents/{name}" for name in page_files), "tests/test_documents.py"]
    assert [name for name, _ in blocks] == [*files, "service/documents/api.py", "tests/test_documents_api.py"]
    for name, text in blocks:
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_text(text)
    for line in (
        "from .documents.api import router as documents",
        'api.add_router("/v1/documents", documents)',
        "from .documents.views import DocumentCreate",
        'path("documents/", DocumentCreate.as_view())',
    ):
        assert f"`{line}`" in page
    replace(package / "settings.py", '    "service.items",\n', '    "service.items",\n    "service.documents",\n')
    replace(
        package / "api.py", "from .environment", "from .documents.api import router as documents\nfrom .environment"
    )
    replace(package / "api.py", "items)\n", 'items)\napi.add_router("/v1/documents", documents)\n')
    replace(package / "urls.py", "import NAME\n", "import NAME\nfrom .documents.views import DocumentCreate\n")
    replace(package / "urls.py", "] = [\n", '] = [\n    path("documents/", DocumentCreate.as_view()),\n')
