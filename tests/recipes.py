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


def follow(
    project: Project, name: str = "", *, page: str = "", without: Sequence[str] = (), install: bool = True
) -> None:
    """Applies every block of each recipe, or of one of them, that is a diff or a file, and adds the packages.

    A `page` is one recipe as a whole. The recipes `without` are left out.
    """
    pages = [project.path / "docs" / each for each in PAGES]
    text = "\n".join(each.read_text() for each in pages if each.exists())
    recipes = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    if page:
        recipes = [page, (project.path / "docs" / page).read_text()]
    for title, recipe in zip(recipes[::2], recipes[1::2], strict=True):
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
                edit(file, block[2])
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
    names = ["models.py", "api.py", "views.py", "templates/documents/document_form.html"]
    assert [name for name, _ in blocks] == [*(f"service/documents/{name}" for name in names), "tests/test_documents.py"]
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
