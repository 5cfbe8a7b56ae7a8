"""Uploaded files: where projects store them, and the recipe in docs/media.md with a bucket of moto's server.

moto (https://docs.getmoto.org) is maintained and pure Python. It refuses unsigned requests for private files, but does
not verify signatures.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.processes import free_port, listens, running
from tests.projects import PYTHON, UV, set_up
from tests.recipes import accept_uploads
from tests.tools import commit_all, render, run, tree

SERVER = ("moto[s3]>=5.2,<6", "flask>=3.1,<4", "flask-cors>=6,<7")


@pytest.mark.option("local_media", "s3")
@pytest.mark.slow
@pytest.mark.parametrize("media", ["none", "local", "s3"])
def test_a_project_has_only_what_its_answer_needs(template: Path, tmp_path: Path, media: str) -> None:
    project = render(template, tmp_path / "service", framework="django", media=media)
    files = {name: text.decode() for name, text in tree(project).items() if name not in {"uv.lock", "LICENSE"}}
    owned = {name: text for name, text in files.items() if name != ".copier-answers.yml" and "decisions" not in name}
    text = "\n".join([*owned, *owned.values()])
    for word, users in {
        "safe_uploads": {"local", "s3"},
        "pillow": {"local", "s3"},
        "MEDIA_URL": {"local", "s3"},
        "media.md": {"local", "s3"},
        "MEDIA_ROOT=": {"local"},
        "/srv/media": {"local"},
        "media.tar": {"local"},
        "locations-media": {"local"},
        "S3_BUCKET": {"s3"},
        "django-storages[s3]": {"s3"},
    }.items():
        assert (word in text) == (media in users), word
    main = yaml.safe_load(files["deploy/compose/compose.yaml"])
    assert ("media" in yaml.safe_load(files["deploy/compose/compose.files.yaml"])["volumes"]) == (media == "local")
    assert ("media:/srv/media:ro" in main["services"]["nginx"]["volumes"]) == (media == "local")


@pytest.mark.slow
@pytest.mark.parametrize("media", ["local", "s3"])
def test_uploads_can_be_chosen_later(template: Path, tmp_path: Path, media: str) -> None:
    """An update brings what is the template's. The owner adds the rest, as docs/media.md says."""
    clone = tmp_path / "template"
    run("git", "clone", "--quiet", template, clone)
    project = render(clone, tmp_path / "service", framework="django", slug="desk", media="none")
    before = tree(project)
    commit_all(project, "Start", init=True)
    commit_all(clone, "One more version")
    run(Path(sys.executable).with_name("copier"), "update", "--defaults", "--data", f"media={media}", project)
    after = tree(project)
    assert {name for name in after.keys() - before.keys() if name.startswith("desk/")} == {
        f"desk/safe_uploads/{name}.py"
        for name in ("__init__", "files", "settings", "urls", *(["storage"] if media == "s3" else []))
    }
    mine = [name for name in before if name.startswith(("desk/", "tests/")) and "/core/" not in name]
    assert {name: after.get(name) for name in mine} == {name: before[name] for name in mine}
    assert b"safe_uploads.settings import MediaSettings" in after["desk/core/environment.py"]
    assert ("/srv/media" in after["Dockerfile"].decode()) == (media == "local")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks S3."""
    directory, port = tmp_path_factory.mktemp("moto"), free_port()
    install: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        PYTHON,
        "--target",
        directory / "packages",
    ]
    run(*install, *SERVER)
    command: list[str | Path] = [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PYTHONPATH": str(directory / "packages")}
    with running(command, directory / "log", lambda: listens(port), env=environment):
        yield f"http://127.0.0.1:{port}"


TESTS = """
import io
import urllib.error
import urllib.request

import pytest
from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from service.documents.models import Document

pytestmark = pytest.mark.django_db
BUCKET = {"Bucket": "uploads", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}


def photo() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), "green").save(file, "PNG")
    return SimpleUploadedFile("My Photo.PNG", file.getvalue(), "text/html")


def page() -> SimpleUploadedFile:
    return SimpleUploadedFile("photo.png", b"<script>alert(1)</script>", "image/png")


@pytest.fixture(scope="module", autouse=True)
def bucket() -> None:
    default_storage.connection.meta.client.create_bucket(**BUCKET)


@pytest.fixture
def user(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_user("ann@example.com"))
    return client


def check_stored() -> None:
    document = Document.objects.get()
    assert document.owner.email == "ann@example.com"
    url = document.file.url
    with urllib.request.urlopen(url) as response:
        assert response.headers["Content-Type"] == "image/png"
        assert response.headers["Content-Disposition"] == "attachment"
        assert response.read().startswith(b"\\x89PNG")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.partition("?")[0])
    document.full_clean()


@pytest.mark.parametrize("path", ["/api/v1/documents", "/documents/"])
def test_a_long_name_is_no_obstacle(user: Client, path: str) -> None:
    file = photo()
    file.name = "a" * 300 + ".png"
    assert user.post(path, {"title": "Photo", "file": file}).status_code in {201, 302}
    assert Document.objects.get().file.name.endswith(".png")


def test_api(user: Client) -> None:
    assert user.post("/api/v1/documents", {"title": "Page", "file": page()}).status_code == 422
    assert not Document.objects.exists()
    response = user.post("/api/v1/documents", {"title": "Photo", "file": photo()})
    assert response.status_code == 201
    assert "X-Amz-Signature" in response.json()["file"]
    check_stored()


def test_pages(user: Client) -> None:
    response = user.post("/documents/", {"title": "Page", "file": page()})
    assert "The content is not that of a .png file." in response.content.decode()
    assert not Document.objects.exists()
    assert user.post("/documents/", {"title": "Photo", "file": photo()}).status_code == 302
    check_stored()
    csp = user.get("/").headers["Content-Security-Policy"]
    assert Document.objects.get().file.url.startswith(csp.partition("img-src 'self' data: ")[2].partition(";")[0])


def test_nobody_uploads_without_a_login(client: Client) -> None:
    assert client.post("/api/v1/documents", {"title": "Photo", "file": photo()}).status_code == 401
    assert "login" in client.post("/documents/", {"title": "Photo", "file": photo()}).url
    assert not Document.objects.exists()
"""


@pytest.mark.option("s3")
@pytest.mark.slow
def test_the_recipe_stores_what_users_upload(template: Path, tmp_path: Path, endpoint: str) -> None:
    """As docs/media.md says: in a bucket, and only for users who have logged in."""
    project = set_up(
        render(template, tmp_path / "service", framework="django", login="allauth", media="s3", slug="service")
    )
    accept_uploads(project)
    project.poe("migrations", "documents", "--name", "documents")
    assert (project.path / "service/documents/migrations/0001_documents.py").exists()
    project.poe("lint")
    project.poe("types")
    (project.path / "tests/documents").mkdir()
    (project.path / "tests/documents/__init__.py").touch()
    (project.path / "tests/documents/test_documents.py").write_text(TESTS)
    with (project.path / ".env.test").open("a") as file:
        file.write(f"S3_BUCKET=uploads\nS3_REGION=eu-central-1\nS3_ENDPOINT_URL={endpoint}\n")
        file.write("S3_ACCESS_KEY_ID=key\nS3_SECRET_ACCESS_KEY=secret\n")
    project.run("pytest", "-q", "tests/documents", "tests/test_documents.py", "tests/test_documents_api.py")
