"""A project can be updated, by the command and by Copier alone, for each way to install the command."""

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pexpect
import pytest
import yaml

import quickstart as quickstart_module
from quickstart import commit
from tests.decision.engine import answers_for, decide
from tests.processes import free_ports
from tests.tools import ROOT, commit_all, groundplan_here, run, tree

pytestmark = pytest.mark.slow
UV = Path(sys.executable).with_name("uv")
EDITED = "template_shared/editorconfig"


def install(environment: Path, *what: str | Path) -> Path:
    """Install the command into a new virtual environment and return its path."""
    if not environment.exists():
        run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    run(
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        environment / "bin" / "python",
        "--reinstall-package",
        "groundplan",
        *what,
    )
    return environment / "bin" / "groundplan"


def wheel(clone: Path, directory: Path) -> Path:
    """The wheel that `uv build` makes from a clone, by way of a source distribution, as for a package index."""
    shutil.rmtree(directory, ignore_errors=True)
    run(UV, "build", "--quiet", "--out-dir", directory, clone)
    return next(directory.glob("*.whl"))


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    run("git", "clone", "--quiet", template, tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", ["editable", "directory", "url", "wheel"])
def test_new_then_update(clone: Path, tmp_path: Path, kind: str) -> None:
    def installed() -> Path:
        what = {
            "editable": ("--editable", clone),
            "directory": (clone,),
            "url": (f"groundplan @ git+{clone.as_uri()}",),
            "wheel": (wheel(clone, tmp_path / "dist") if kind == "wheel" else "",),
        }
        return install(tmp_path / "environment", *what[kind])

    project = tmp_path / "service"
    command = installed()
    run(command, "new", project, "--preset", "cms", "--defaults")
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert answers["_src_path"].startswith(
        {"url": "git+file://", "wheel": str(tmp_path / "environment")}.get(kind, str(clone))
    )
    commit_all(project, "Start", init=True)
    assert "up to date" in run(command, "check", project)

    (clone / EDITED).write_text((clone / EDITED).read_text() + "# improved\n")
    newest = commit_all(clone, "Improve the template")
    if kind == "wheel":  # the wheel contains the template
        command = installed()
    assert newest[:7] in run(command, "check", project, code=5)
    before = tree(project)
    printed = run(command, "update", project)
    assert ".editorconfig" in printed
    after = tree(project)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {".editorconfig", ".copier-answers.yml"}
    commit_all(project, "Update")
    assert "up to date" in run(command, "check", project)


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", ["clone", "wheel"])
def test_copier_alone_updates_what_the_command_made(clone: Path, tmp_path: Path, kind: str) -> None:
    project = tmp_path / "service"
    what = [wheel(clone, tmp_path / "dist")] if kind == "wheel" else ["--editable", clone]
    run(install(tmp_path / "environment", *what), "new", project, "--preset", "realtime", "--defaults")
    commit_all(project, "Start", init=True)
    (clone / EDITED).write_text((clone / EDITED).read_text() + "# improved\n")
    commit_all(clone, "Improve the template")
    if kind == "wheel":
        install(tmp_path / "environment", wheel(clone, tmp_path / "dist"))
    run(Path(sys.executable).with_name("copier"), "update", "--defaults", project)
    assert (project / ".editorconfig").read_text().endswith("# improved\n")


def test_another_installation_of_the_wheel_updates_the_project(clone: Path, tmp_path: Path) -> None:
    """Another installation (a colleague's, or for a newer Python), where the recorded path does not exist."""
    project = tmp_path / "service"
    first = install(tmp_path / "first", wheel(clone, tmp_path / "dist"))
    run(first, "new", project, "--preset", "realtime", "--defaults")
    commit_all(project, "Start", init=True)
    shutil.rmtree(tmp_path / "first")
    (clone / EDITED).write_text((clone / EDITED).read_text() + "# improved\n")
    commit_all(clone, "Improve the template")
    second = install(tmp_path / "second", wheel(clone, tmp_path / "dist"))
    run(second, "check", project, code=5)
    run(second, "update", project)
    assert (project / ".editorconfig").read_text().endswith("# improved\n")
    assert str(tmp_path / "second") in (project / ".copier-answers.yml").read_text()


def test_a_wheel_needs_the_history(clone: Path, tmp_path: Path) -> None:
    shutil.rmtree(clone / ".git")
    assert "git clone" in run(UV, "build", "--wheel", "--out-dir", tmp_path / "dist", clone, code=2)


@dataclass(frozen=True)
class Quickstart:
    """The README's first command in a fresh clone, with an empty home and only the system's PATH."""

    clone: Path
    variables: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it without a terminal."""
        return subprocess.Popen(
            [sys.executable, "quickstart.py", *arguments],
            cwd=self.clone,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run it without a terminal, and return what it prints."""
        with self.start(*arguments) as process:
            out, err = process.communicate()
        assert process.returncode == code, out + err
        return out + err


@pytest.fixture(scope="module")
def quickstart(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    directory = tmp_path_factory.mktemp("quickstart")
    run("git", "clone", "--quiet", template, directory / "clone")
    (directory / "home").mkdir()
    keep = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "UV_", "LANG", "PYENV"))}
    own = {"HOME": str(directory / "home"), "PATH": "/usr/bin:/bin", "PORT": str(free_ports(1)[0])}
    return Quickstart(directory / "clone", keep | own | {"UV_CACHE_DIR": run(UV, "cache", "dir").strip()})


def working_below(directory: Path) -> list[int]:
    """The processes that work below a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(directory):
                found.append(int(process.name))
    return found


def points(preset: str) -> str:
    answers = yaml.safe_load((ROOT / "presets" / f"{preset}.yml").read_text())
    scores = decide(answers_for(**answers))["scores"]
    return f"{max(scores.values())} points to {min(scores.values())}"


@pytest.mark.xdist_group("quickstart")
def test_quickstart_without_a_terminal(quickstart: Quickstart) -> None:
    printed = quickstart.run()
    clone, project = quickstart.clone, quickstart.clone.parent / "my-service"
    url = f"http://127.0.0.1:{quickstart.variables['PORT']}"
    assert re.search(r'POST .*/api/v1/items\n  {"name": "Example .*\n  -> 201 Created\n  {\n    "id": 4,\n', printed)
    assert "\nTo change data, log in as dev@example.com with the password for-development.\n" in printed
    assert "-> 204 No Content" in printed  # the example does not stay
    assert f"==> It works: FastAPI, by {points('rest_api')}\n" in printed
    assert re.search(rf"Written to {project}:\n  \d+ files, committed to git", printed)
    assert max(map(len, printed.replace(str(clone.parent), "/home/somebody").splitlines())) <= 80
    assert f"  {clone / '.venv' / 'bin' / 'uv'}\n" in printed
    starts = [f"  cd {project}", "  .venv/bin/poe run ", "  .venv/bin/poe check ", f"  {url}/ ", f"  {url}/api/docs "]
    assert [start for start in starts if f"\n{start}" not in printed] == []
    assert not re.search(r"admin|Running upgrade|alembic", printed)
    assert run("git", "status", "--porcelain", cwd=project) == ""
    assert run("git", "status", "--porcelain", cwd=clone) == ""


@pytest.mark.xdist_group("quickstart")
def test_quickstart_goes_on_after_an_interruption_of_each_step(quickstart: Quickstart) -> None:
    """SIGKILL, also of the programs that it has started, leaves no time to say or clean up anything."""
    directory = quickstart.clone.parent
    for step, end in [
        ("Creating", signal.SIGTERM),
        ("Installing the project's", signal.SIGKILL),
        ("Installing the project's", signal.SIGTERM),
        ("Committing", signal.SIGKILL),
        ("Preparing", signal.SIGINT),
        ("Starting", signal.SIGTERM),
    ]:
        before = {path.name for path in directory.iterdir()}
        with quickstart.start("../resumed", "--preset", "cms") as process:
            assert process.stdout is not None
            while not (line := process.stdout.readline()).startswith(f"==> {step}"):
                assert line, process.communicate()
            time.sleep(0.2)
            process.send_signal(end)
            if end == signal.SIGKILL:
                for each in working_below(directory / "resumed"):
                    os.kill(each, end)
            err = process.communicate(timeout=60)[1]
        assert process.returncode == (-end if end == signal.SIGKILL else 128 + end), err
        deadline = time.monotonic() + 10  # what was killed takes a moment to end
        while working_below(directory) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert working_below(directory) == [], f"{step}, {end}"
        if step == "Creating":
            assert {path.name for path in directory.iterdir()} == before
        if end != signal.SIGKILL:
            assert re.search(rf"^Stopped during this step: {step}", err, re.MULTILINE)
            assert re.search(
                r"^To (?:continue|start again), run: python3 quickstart.py ../resumed --preset cms$", err, re.MULTILINE
            )
            assert "Traceback" not in err
    printed = quickstart.run("../resumed", "--preset", "microservice", "--data", "name=Other")
    assert "Continuing with the project" in printed
    assert "these options have no effect: --preset microservice --data name=Other." in printed
    assert f"==> It works: Django, by {points('cms')}\n" in printed
    assert "  .venv/bin/poe manage createsuperuser " in printed
    assert f"{quickstart.variables['PORT']}/admin/ " in printed
    assert "No migrations to apply" not in printed
    assert run("git", "log", "--format=%s", cwd=directory / "resumed") == "Start from Groundplan\n"
    assert run("git", "status", "--porcelain", cwd=directory / "resumed") == ""


def test_quickstart_names_a_project_that_was_written_when_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(_: list[str]) -> int:
        quickstart_module.say(quickstart_module.CREATING)
        (tmp_path / ".copier-answers.yml").touch()
        raise quickstart_module.Interrupted(130)

    monkeypatch.setattr("sys.argv", ["quickstart.py", str(tmp_path)])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(quickstart_module, "install", lambda *_: None)
    monkeypatch.setattr(quickstart_module, "start_project", stopped)
    monkeypatch.setattr(quickstart_module, "STEPS", [])
    assert quickstart_module.main() == 130
    err = capsys.readouterr().err
    assert f"Written to {tmp_path}; delete it to answer again.\nTo continue, run: " in err


@pytest.mark.parametrize(("framework", "told"), [("django", True), ("fastapi", False)])
def test_quickstart_names_the_first_administrator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], framework: str, told: bool
) -> None:
    """The account for development of a FastAPI project is an administrator."""
    auth, admin = ("jwt", "starlette_admin") if framework == "fastapi" else ("none", "django")
    answers = {"framework": framework, "auth": auth, "admin": admin}
    arguments = (tmp_path, answers, "committed to git", "http://127.0.0.1:8000", "uv", Path(".venv/bin/poe"))
    quickstart_module.explain(*arguments)
    printed = capsys.readouterr().out
    assert "http://127.0.0.1:8000/admin/ " in printed
    assert ("poe manage createsuperuser" in printed) is told
    assert ("To change data or use the admin, log in as dev@example.com" in printed) is not told


@pytest.mark.parametrize(("option", "told"), [("--verbose", True), ("--prset=cms", False)])
def test_quickstart_names_no_preset_before_an_option_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, told: bool
) -> None:
    class Ended:
        def wait(self) -> int:
            return 2

    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(quickstart_module, "running", lambda *_, **__: contextlib.nullcontext(Ended()))
    assert quickstart_module.create(tmp_path, [option]) == 2
    assert ("preset rest_api" in capsys.readouterr().out) is told


@pytest.mark.parametrize(
    ("path", "asked"), [("/api/v1/items", "/api/v1/items"), ("/api/items", "/api/items"), ("/other", "/api/v1/items")]
)
def test_quickstart_finds_the_items_of_an_older_project(path: str, asked: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"paths": {path: {}}}).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        assert quickstart_module.path_of_items(f"http://127.0.0.1:{server.server_port}") == asked
        server.shutdown()
        thread.join()


@pytest.mark.xdist_group("quickstart")
def test_quickstart_of_a_changed_project_where_the_port_is_taken(quickstart: Quickstart) -> None:
    main = quickstart.clone.parent / "my-service" / "my_service" / "main.py"
    before = main.read_text()
    main.write_text(before.replace("app.include_router(items.router)\n", ""))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        printed = dataclasses.replace(quickstart, variables=quickstart.variables | {"PORT": str(port)}).run()
    main.write_text(before)
    used = re.search(rf"Port {port} is taken, so this uses (\d+)", printed)
    assert used is not None
    assert "-> 404 Not Found" in printed
    assert "==> It works: FastAPI" in printed
    assert f"PORT={used[1]} .venv/bin/poe run " in printed
    assert f"http://127.0.0.1:{used[1]}/api/docs" in printed


def test_quickstart_leaves_the_commit_to_the_owners_of_a_repository(tmp_path: Path) -> None:
    for place, outcome in [
        ("outer/service", "to be committed in the repository around it"),
        ("own", "committed to git"),
    ]:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "file").write_text("x")
        if place.startswith("outer"):
            run("git", "init", "--quiet", tmp_path / "outer")
        assert commit(tmp_path / place) == outcome
        assert (tmp_path / place / ".git").exists() is (place == "own")


@pytest.mark.xdist_group("quickstart")
@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("notes.txt", "mine", "is not empty"),
        (".copier-answers.yml", "_commit: v1\nproject_name: x\n", "is not a Groundplan project"),
        (".copier-answers.yml", "{", "is not a Groundplan project"),
    ],
)
def test_quickstart_leaves_other_directories_alone(
    quickstart: Quickstart, tmp_path: Path, file: str, content: str, words: str
) -> None:
    (tmp_path / file).write_text(content)
    assert words in quickstart.run(str(tmp_path), code=1)
    assert tree(tmp_path) == {file: content.encode()}


@pytest.mark.xdist_group("quickstart")
def test_quickstart_without_answers_says_how_to_go_on(quickstart: Quickstart, tmp_path: Path) -> None:
    command = ["quickstart.py", str(tmp_path / "service")]
    child = pexpect.spawn(
        sys.executable, command, cwd=quickstart.clone, env=quickstart.variables, encoding="utf-8", timeout=60
    )
    child.expect("What kind of service")
    child.sendcontrol("c")
    child.expect("Nothing was written. To start again:\\s+python3 quickstart.py")
    assert "To continue" not in child.read()
    child.expect(pexpect.EOF)
    assert child.wait() == 130
    assert "Traceback" not in (child.before or "")
    assert list(tmp_path.iterdir()) == []
    assert working_below(quickstart.clone) == []


@pytest.mark.xdist_group("quickstart")
def test_quickstart_goes_on_with_the_answers_that_are_kept(quickstart: Quickstart, tmp_path: Path) -> None:
    """By itself: `groundplan new` would neither install the project nor start it."""
    command = ["quickstart.py", str(tmp_path / "service")]
    variables = quickstart.variables | {"XDG_STATE_HOME": str(tmp_path / "state")}
    child = pexpect.spawn(sys.executable, command, cwd=quickstart.clone, env=variables, encoding="utf-8", timeout=60)
    child.expect("What kind of service")
    child.send("\r")
    child.expect("These follow")
    child.sendcontrol("c")
    child.expect(r"python3 quickstart.py \S+/service --answers \S+/service-\w+.yml")
    child.expect(pexpect.EOF)


def test_quickstart_lists_the_options_of_new() -> None:
    printed = run(sys.executable, ROOT / "quickstart.py", "--help")
    options = set(re.findall(r"--[a-z]+", groundplan_here("new", "--help").stdout))
    assert options - {"--help", "--quiet"} <= set(re.findall(r"--[a-z]+", printed))


def test_a_step_of_the_quickstart_that_fails_gives_advice() -> None:
    with pytest.raises(SystemExit, match=r"No Python\nThis step failed: .*\nInstall it"):
        quickstart_module.run([sys.executable, "-c", "print('No Python'); exit(1)"], advice="Install it")


def test_quickstart_says_which_python_it_needs() -> None:
    """Run by an interpreter that is too old, if the machine has one."""
    old = [path for path in Path.home().glob(".pyenv/versions/3.[89].*/bin/python3") if path.exists()]
    source = (ROOT / "quickstart.py").read_text()
    assert source.index("sys.version_info < (3, 11)") < source.index("import tomllib")
    for python in old[:1]:
        assert "Python 3.11" in run(python, "quickstart.py", cwd=ROOT, code=1)
