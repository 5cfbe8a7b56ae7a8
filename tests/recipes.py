"""Does what a project's recipes say, to the letter: those of docs/recipes.md, and of the pages of options."""

import re
from pathlib import Path

from tests.owner import replace
from tests.projects import Project

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = {"python", "html", "text", "yaml"}  # a block of one of these is a new file
PAGES = ("recipes.md", "pages.md")  # with recipes as their sections


def follow(project: Project, name: str = "", *, page: str = "", install: bool = True) -> None:
    """Applies every block of each recipe, or of one of them, that is a diff or a file, and adds the packages.

    A `page` is one recipe as a whole.
    """
    pages = [project.path / "docs" / each for each in PAGES]
    text = "\n".join(each.read_text() for each in pages if each.exists())
    recipes = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    if page:
        recipes = [page, (project.path / "docs" / page).read_text()]
    for title, recipe in zip(recipes[::2], recipes[1::2], strict=True):
        if name not in title:
            continue
        for package in re.findall(r"Run `uv add ([\w-]+)`", recipe) if install else []:
            project.uv("add", "--quiet", package)
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


FORM = """{% extends "base.html" %}
{% block title %}Add a document{% endblock %}
{% block content %}
  <h1>Add a document</h1>
  <form class="card" method="post" enctype="multipart/form-data">
    {% csrf_token %}
    {{ form }}
    <button type="submit">Save</button>
  </form>
{% endblock %}
"""


def accept_uploads(project: Project) -> None:
    """Does what docs/media.md says under "Accept uploads"."""
    package, app = project.package, project.package / "documents"
    (app / "migrations").mkdir(parents=True)
    (app / "migrations/__init__.py").touch()
    page = (project.path / "docs/media.md").read_text()
    blocks = re.findall(r"`service/documents/(\w+\.py)`:\n\n```python\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in blocks] == ["models.py", "api.py", "views.py"]
    for name, text in blocks:
        (app / name).write_text(text)
    replace(package / "settings.py", '    "service.items",\n', '    "service.items",\n    "service.documents",\n')
    replace(
        package / "api.py", "from .environment", "from .documents.api import router as documents\nfrom .environment"
    )
    replace(package / "api.py", "items)\n", 'items)\napi.add_router("/documents", documents)\n')
    replace(package / "urls.py", "from .core", "from .documents.views import DocumentCreate\nfrom .core")
    replace(package / "urls.py", "] = [\n", '] = [\n    path("documents/", DocumentCreate.as_view()),\n')
    form = app / "templates/documents/document_form.html"
    form.parent.mkdir(parents=True)
    form.write_text(FORM)
