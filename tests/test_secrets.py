"""A secret in the address of a template serves to fetch it; it is neither stored nor printed."""

import base64
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pexpect
import pytest

from groundplan import template as template_module
from groundplan.addresses import redact, without_secrets
from groundplan.errors import Stop
from groundplan.template import Source, resolve
from tests.small import make_template
from tests.tools import commit_all, groundplan, groundplan_here, run, tree

TOKEN = "s3cr3t-T0ken"  # noqa: S105


class Handler(SimpleHTTPRequestHandler):
    """Serves files to those who know the token, as user name or as password."""

    def do_GET(self) -> None:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic" and TOKEN in base64.b64decode(given).decode().split(":"):
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="templates"')
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a template in two versions, `tpl.git`."""
    place = tmp_path_factory.mktemp("server")
    run("git", "clone", "--quiet", "--bare", make_template(place / "template"), place / "tpl.git")
    run("git", "update-server-info", cwd=place / "tpl.git")
    handler = functools.partial(Handler, directory=str(place))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copier's cache, and no terminal for questions of git."""
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    monkeypatch.setenv("GIT_ASKPASS", "true")  # an empty password
    return tmp_path / "cache"


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential helper that knows the token."""
    settings = tmp_path / "gitconfig"
    settings.write_text(Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text())
    answer = f"!f() {{ echo username=oauth2; echo password={TOKEN}; }}; f"
    run("git", "config", "--file", settings, "credential.helper", answer)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))


def made(host: str, project: Path, address: str) -> subprocess.CompletedProcess[str]:
    return groundplan("new", project, "--template", address.format(host=host), "--defaults", "--ref", "v1.0.0")


def holds_token(*places: Path) -> list[Path]:
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path for path in files if TOKEN.encode() in path.read_bytes()]


ADDRESSES = [
    f"http://oauth2:{TOKEN}@{{host}}/tpl.git",
    f"http://{TOKEN}@{{host}}/tpl.git",
    f"http://{TOKEN}:x-oauth-basic@{{host}}/tpl.git",
    f"git+http://oauth2:{TOKEN}@{{host}}/tpl.git",
    f"HTTP://oauth2:{TOKEN}@{{host}}/tpl.git",
]


@pytest.mark.slow
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_project_is_made_with_a_secret_and_records_none(address: str, host: str, tmp_path: Path, cache: Path) -> None:
    result = made(host, tmp_path / "project", address)
    assert result.returncode == 0, result.stderr
    assert f"http://{host}/tpl.git\n" in (tmp_path / "project" / ".copier-answers.yml").read_text()
    assert "credential helper" in result.stderr
    assert TOKEN not in result.stdout + result.stderr
    assert holds_token(tmp_path / "project", cache) == []


@pytest.mark.slow
@pytest.mark.usefixtures("helper")
def test_its_update_takes_the_secret_from_a_helper(host: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert made(host, project, ADDRESSES[0]).returncode == 0
    commit_all(project, "Start", init=True)
    assert groundplan("check", project).returncode == 5
    assert groundplan("update", project).returncode == 0
    assert (project / "new.txt").exists()


@pytest.mark.slow
def test_without_a_helper_the_reason_is_given(host: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert made(host, project, ADDRESSES[0]).returncode == 0
    commit_all(project, "Start", init=True)
    before = tree(project)
    for command in ("check", "update"):
        result = groundplan_here(command, project)
        assert (result.returncode, "credential helper" in result.stderr) == (1, True), result.stderr
    assert tree(project) == before


@pytest.mark.slow
def test_an_older_project_with_a_secret_is_cleaned(host: str, tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project"
    assert made(host, project, ADDRESSES[0]).returncode == 0
    answers = project / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("http://", f"http://oauth2:{TOKEN}@"))
    commit_all(project, "Start", init=True)
    checked = groundplan("check", project, "--format", "json")
    assert json.loads(checked.stdout)["template"] == f"http://{host}/tpl.git"
    updated = groundplan("update", project)
    assert (checked.returncode, updated.returncode) == (5, 0)
    for result in (checked, updated):
        assert "revoke" in result.stderr
        assert TOKEN not in result.stdout + result.stderr
    (project / ".git").rename(tmp_path / "history")
    assert holds_token(project, cache) == []


def test_errors_do_not_show_a_secret(host: str, tmp_path: Path) -> None:
    for address in (f"http://user:wrong-{TOKEN}@{{host}}/tpl.git", f"http://u:{TOKEN}@{{host}}/nowhere.git"):
        result = made(host, tmp_path / "project", address)
        assert (result.returncode, TOKEN in result.stderr) == (1, False)
        assert host in result.stderr


@pytest.mark.parametrize(
    "address",
    [
        f"https://example.com/tpl.git?private_token={TOKEN}",
        f"https://example.com/tpl.git#{TOKEN}",
        f"https://user:pass/{TOKEN}@example.com/tpl.git",
    ],
)
def test_an_address_that_git_cannot_use_is_refused(address: str, tmp_path: Path) -> None:
    result = groundplan_here("new", tmp_path / "project", "--template", address, "--defaults")
    assert (result.returncode, TOKEN in result.stderr, result.stderr.count("\n")) == (2, False, 1)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://user:p%40ss@example.com:8443/a/b.git", "https://example.com:8443/a/b.git"),
        ("https://a:b@c@example.com/a.git", "https://example.com/a.git"),
        ("git+https://token@example.com/a", "git+https://example.com/a"),
        ("https://u:p@[::1]:80/a.git", "https://[::1]:80/a.git"),
        ("ssh://git@example.com/a.git", "ssh://git@example.com/a.git"),
        ("git+ssh://git:secret@example.com/a.git", "git+ssh://git@example.com/a.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("gh:a/b", "gh:a/b"),
        ("/a/b@c", "/a/b@c"),
        ("git+file:///a@b/c?d", "git+file:///a@b/c?d"),
    ],
)
def test_what_is_recorded(address: str, public: str) -> None:
    assert without_secrets(address).public == public


def test_the_record_of_an_installation_is_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        template_module, "installed_source", lambda: Source(f"git+https://u:{TOKEN}@example.com/t", "1")
    )
    source = resolve(None, None)
    assert (source.location, source.ref) == ("git+https://example.com/t", "1")
    assert TOKEN not in repr(source)


def test_words_of_git_are_shown_without_secrets() -> None:
    assert redact("fatal: 'https://u:p@h/a' and 'ssh://git@h/b' a@b") == "fatal: 'https://h/a' and 'ssh://git@h/b' a@b"


def test_a_bad_address_is_not_in_the_error() -> None:
    with pytest.raises(Stop, match="percent-encoding"):
        without_secrets("https://user:a/b@example.com")


@pytest.mark.slow
def test_the_command_that_resumes_has_no_secret(host: str, tmp_path: Path) -> None:
    address = ADDRESSES[0].format(host=host)
    command = ["-m", "groundplan", "new", str(tmp_path / "project"), "--template", address, "--data", "name=shop"]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=120)
    child.expect("framework")
    child.sendcontrol("c")
    child.expect(pexpect.EOF)
    assert "Nothing was written" in str(child.before)
    assert f"--template http://{host}/tpl.git" in str(child.before).replace("\r\n", "")
    assert TOKEN not in str(child.before)
