"""The pipelines' steps, run: by the platforms' local runners; and their scripts, on real git, copier and containers.

What a machine without the platform cannot do stays out of it: pushing to a registry, attesting, and reaching a machine
or a cluster. There, an executable of the same name on PATH takes notes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.conftest import Images
from tests.deployment.engine import Engine
from tests.owner import append, replace
from tests.postgres import Server
from tests.projects import PYTHON, QUICK, Project, set_up
from tests.tools import FRAMEWORKS, commit_all, render, run

TOOLS = Path(sys.executable).parent
pytestmark = [pytest.mark.slow]


def executable(path: Path, script: str) -> Path:
    """Writes a shell script that can be started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def attempt(
    *command: str | Path, cwd: Path, path: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command with programs of ours in front, and returns how it ended."""
    found = f"{path or TOOLS}:{TOOLS}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": found, "UV_PYTHON": PYTHON} | (env or {})
    return subprocess.run(command, cwd=cwd, env=environment, stdout=-1, stderr=-2, text=True, check=False)


# --- The template's update ----------------------------------------------------------------------------------------


def propose(project: Path, *subjects: str) -> None:
    """Gives the branch of the pull request these commits, as a checkout of all branches has it."""
    commit = "HEAD"
    for subject in subjects:
        commit = run("git", "commit-tree", "-p", commit, "-m", subject, "HEAD^{tree}", cwd=project).strip()
    run("git", "update-ref", "refs/remotes/origin/template-update", commit, cwd=project)


def test_an_update_leaves_what_the_action_can_propose(template: Path, tmp_path: Path) -> None:
    """GitHub's steps before the pull request: what is new is there, conflicts are named, and git can stash it."""
    origin, project = tmp_path / "template", tmp_path / "service"
    run("git", "clone", "--quiet", template, origin)
    render(origin, project, framework="fastapi", ci="github")
    replace(project / ".editorconfig", "indent_size", "max_line_length = 99\nindent_size")
    append(project / ".squawk.toml", "# ours\n")
    replace(project / ".copier-answers.yml", f"_src_path: {origin}", f"_src_path: 'git+file://{origin}'")
    commit_all(project, "Start", init=True)
    replace(origin / "template_shared/editorconfig", "indent_size", "max_line_length = 80\nindent_size")
    (origin / "template_fastapi/.squawk.toml.jinja").unlink()
    (origin / "groundplan/cli.py").write_text("not reviewed")
    workflow = origin / "template_shared/github/template-update.yml.jinja"
    replace(workflow, "name: Template update", "name: The next template update")
    commit_all(origin, "The next version")

    file = project / ".github/workflows/template-update.yml"
    steps = yaml.safe_load(file.read_text())["jobs"]["update"]["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    assert steps[-1]["if"] == "${{ steps.update.outputs.propose == 'true' }}"
    opened = tmp_path / "opened"
    opened.touch()
    gh = executable(
        tmp_path / "bin/gh", f'[ "$1 $2" != "pr list" ] || exec cat {opened}\necho "$* $GH_TOKEN" >>{tmp_path}/asked'
    )
    given = {"HOME": str(tmp_path), "GITHUB_SERVER_URL": "https://github.com", "GIT_CONFIG_GLOBAL": f"{tmp_path}/git"}
    given |= {"UV_CACHE_DIR": run(TOOLS / "uv", "cache", "dir").strip()}

    def update(token: str, directory: str = "") -> subprocess.CompletedProcess[str]:
        script = "set -euo pipefail\n" + "\n".join(scripts)
        runner = {"RUNNER_TEMP": f"{tmp_path}/{directory}", "GITHUB_OUTPUT": f"{tmp_path}/output"}
        return attempt("bash", "-c", script, cwd=project, path=gh.parent, env=given | runner | {"GH_TOKEN": token})

    refused = update("")
    assert refused.returncode == 1
    assert "Set the secret TEMPLATE_UPDATE_TOKEN" in refused.stdout
    (project / "new").touch()
    failed = update("t0ken", "first")
    assert failed.returncode == 1
    assert "changes that are not committed" in failed.stdout
    (project / "new").unlink()
    (tmp_path / "asked").unlink()

    opened.write_text("7\n")
    propose(project, "Update from the template", "Resolve the conflicts")
    kept = update("t0ken")
    assert kept.returncode == 0, kept.stdout
    assert "Pull request 7 has your commits and is not replaced" in kept.stdout
    assert not (tmp_path / "output").exists()
    assert not run("git", "status", "--porcelain", cwd=project)
    (tmp_path / "asked").unlink()

    propose(project, "Update from the template")
    result = update("t0ken", "second")
    assert result.returncode == 0, result.stdout
    assert "t0ken" not in result.stdout
    assert (tmp_path / "asked").read_text() == "auth setup-git --hostname github.com --force t0ken\n"
    assert "name: The next template update" in file.read_text()
    assert "<<<<<<< before updating" in (project / ".editorconfig").read_text()
    assert (project / ".squawk.toml").read_text().endswith("# ours\n")
    assert (tmp_path / "output").read_text() == "conflicts=.editorconfig .squawk.toml\npropose=true\n"
    run("git", "stash", "push", "--include-untracked", cwd=project)  # as the action begins


# --- A release ----------------------------------------------------------------------------------------------------


@pytest.fixture(
    scope="module", params=[pytest.param(f, marks=pytest.mark.xdist_group(f"runs-{f}")) for f in FRAMEWORKS]
)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(framework: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Django's on GitLab, FastAPI's on GitHub; what a test changes in it, it takes back."""
    path = tmp_path_factory.mktemp(framework) / "service"
    project = set_up(
        render(template, path, framework=framework, ci={"django": "gitlab", "fastapi": "github"}[framework])
    )
    commit_all(path, "Start", init=True)
    return project


def steps(project: Project) -> dict[str, list[str]]:
    """What the jobs run, by job."""
    if (file := project.path / ".gitlab-ci.yml").exists():
        jobs = yaml.safe_load(file.read_text())
        return {name: body["script"] for name, body in jobs.items() if isinstance(body, dict) and "script" in body}
    found = {}
    for file in sorted((project.path / ".github/workflows").iterdir()):
        for job, body in yaml.safe_load(file.read_text())["jobs"].items():
            found[f"{file.stem}/{job}"] = [step["run"] for step in body.get("steps", []) if "run" in step]
    return found


def test_the_bill_of_materials_lists_what_the_image_gets(framework: str, project: Project) -> None:
    command = next(line for lines in steps(project).values() for line in lines if line.startswith("uv export"))
    result = attempt("sh", "-c", command, cwd=project.path)
    assert result.returncode == 0, result.stdout
    bill = json.loads((project.path / "sbom.cdx.json").read_text())
    (project.path / "sbom.cdx.json").unlink()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    listed = {component["name"]: component["version"] for component in bill["components"]}
    lock = tomllib.loads((project.path / "uv.lock").read_text())
    locked = {package["name"]: package["version"] for package in lock["package"]}
    assert listed[framework] == locked[framework]
    assert listed.items() <= locked.items()
    assert not {"pytest", "mypy"} & set(listed)


def test_a_release_reaches_the_machine_and_spares_what_is_only_there(project: Project, tmp_path: Path) -> None:
    """ssh is a script that runs the command here; the rest is real."""
    machine = tmp_path / "machine"
    (machine / "service/deploy/compose").mkdir(parents=True)
    (machine / "service/deploy/compose/.env").write_text("IMAGE=ours\n")
    old = machine / "service/deploy/nginx/locations/old.conf"
    old.parent.mkdir(parents=True)
    old.write_text("location /old/ { return 404; }\n")
    mounted = old.parent.stat().st_ino
    copy = tmp_path / "checkout"
    run("git", "clone", "--quiet", project.path, copy)
    deploy = executable(
        copy / "deploy/compose/deploy.sh", 'echo "deploy $* in $PWD with $(cat deploy/compose/.env)" LOCKED=$LOCKED'
    )
    ssh = executable(
        tmp_path / "bin/ssh",
        f'echo "$@" >>{tmp_path}/asked; while [ $# -gt 1 ]; do case $1 in\n'
        '-i) stat -c %a "$2"; cat "$2" ;; *KnownHostsFile=*) cat "${1#*=}" ;; esac; shift; done >&2\n'
        f'cd {machine} && exec sh -c "$1"',
    )
    (tmp_path / "key").write_text("a key\n")
    variables = {
        "DEPLOY_HOST": "deploy@machine.example.com",
        "DEPLOY_DIRECTORY": "service",
        "DEPLOY_KNOWN_HOSTS": "machine.example.com ssh-ed25519 AAAA",
        "DEPLOY_SSH_KEY": str(tmp_path / "key"),
    }
    script = copy / "deploy/pipeline/compose.sh"
    commit_all(copy, "Say what it is told")
    (copy / "deploy/compose/compose.yaml").chmod(0o666)  # as GitLab's runner checks out
    (copy / "deploy/compose/.env").write_text("IMAGE=tried here\n")
    result = attempt("sh", script, "v1.2.3", cwd=tmp_path, path=ssh.parent, env=variables)
    assert result.returncode == 0, result.stdout
    assert f"deploy v1.2.3 in {machine}/service with IMAGE=ours LOCKED=1" in result.stdout
    assert (machine / "service/deploy/compose/compose.yaml").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in old.parent.iterdir()] == ["service.conf"]
    assert old.parent.stat().st_ino == mounted
    assert {path.name for path in (machine / "service").iterdir()} == {"deploy"}
    assert "600\na key\n" in result.stdout
    assert "machine.example.com ssh-ed25519 AAAA\n" in result.stdout
    assert (tmp_path / "asked").read_text().count("StrictHostKeyChecking=yes") == 1
    deploy.write_text("#!/bin/sh\nexit 3\n")
    commit_all(copy, "Fail")
    command = ["flock", "--nonblock", str(machine / "service/deploy/compose"), "sh", "-c", "echo locked; read -r end"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "locked\n"
        result = attempt("sh", script, "v1.2.3", cwd=tmp_path, path=ssh.parent, env=variables)
        assert (result.returncode, "another script is running there" in result.stdout) == (1, True)
        assert "exit 3" not in (machine / "service/deploy/compose/deploy.sh").read_text()
        holder.communicate("end\n")
    assert attempt("sh", script, "v1.2.3", cwd=tmp_path, path=ssh.parent, env=variables).returncode == 3
    refused = attempt("sh", script, "v1'; reboot '", cwd=tmp_path, path=ssh.parent, env=variables)
    assert refused.returncode == 2
    assert attempt("sh", script, "v1", cwd=tmp_path, path=ssh.parent, env=variables | {"DEPLOY_HOST": ""}).returncode


# --- The image ----------------------------------------------------------------------------------------------------


def test_a_sound_image_passes_and_a_broken_one_does_not(
    framework: str, images: Images, engine: Engine, tmp_path: Path
) -> None:
    image = images(framework)
    impatient = os.environ | {"PATH": f"{executable(tmp_path / 'bin/sleep', '').parent}:{os.environ['PATH']}"}

    def smoke(tag: str, environment: Mapping[str, str] = os.environ) -> tuple[int, str]:
        """Its exit code and what it said, after which nothing of its own may be there."""
        script = image.project / "deploy/pipeline/smoke.sh"
        with subprocess.Popen(["sh", script, tag], stdout=-1, stderr=-2, text=True, env=environment) as process:
            said, _ = process.communicate()
        its = f"--filter=name=smoke-{process.pid}"
        assert engine.run("ps", "--all", "--quiet", its) + engine.run("network", "ls", "--quiet", its) == ""
        return process.returncode, said

    code, said = smoke(image.tag)
    assert code == 0, said
    assert "The image migrates, becomes ready, and stops." in said
    for broken, complaint in {
        'CMD ["false"]': "timed out",
        "STOPSIGNAL SIGKILL": "ended with 137",
        "RUN rm -r /srv/service/*/items/models.py": "Error",
    }.items():
        tag = f"groundplan-broken:{uuid.uuid4().hex[:12]}"
        file = f"FROM {image.tag}\nUSER 0\n{broken}\nUSER 65532\n"
        subprocess.run(
            ["docker", "build", "--quiet", f"--tag={tag}", "-"], input=file, text=True, check=True, stdout=-3
        )
        try:
            # The minute that it waits in vain passes at once.
            code, said = smoke(tag, impatient if complaint == "timed out" else os.environ)
        finally:
            engine.run("rmi", "--force", tag)
        assert code != 0, said
        assert complaint in said


# --- The platforms' runners ---------------------------------------------------------------------------------------


def drift(project: Project, framework: str) -> None:
    append(next(project.path.glob("*/items/models.py")), DRIFT[framework])


DRIFT = {
    "django": """

class Forgotten(models.Model):
    name = models.TextField()
""",
    "fastapi": """

class Forgotten(Base):
    __tablename__ = "forgotten"

    id: Mapped[int] = mapped_column(primary_key=True)
""",
}


def unsafe(project: Project, framework: str) -> None:
    if framework == "fastapi":
        folder = project.path / "migrations/versions"
        revision = re.findall(r'^revision = "(.+)"', next(folder.glob("*.py")).read_text(), re.MULTILINE)[0]
        (folder / "0002_unsafe.py").write_text(
            '"""Unsafe."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = "0002"\n'
            f'down_revision = "{revision}"\n\n\ndef upgrade() -> None:\n    """Locks the table."""\n'
            '    op.alter_column("items", "name", type_=sa.Text())\n'
        )
    else:
        folder = next(project.path.glob("*/items/migrations"))
        (folder / "0002_unsafe.py").write_text(
            "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
            '    dependencies = [("items", "0001_initial")]\n'
            '    operations = [migrations.RunSQL("ALTER TABLE items_item ALTER COLUMN name TYPE text")]\n'
        )


def careless(project: Project, framework: str) -> None:
    append(next(project.path.glob("*/items/models.py")), f"\nimport {framework}\n")


def undecided(project: Project, framework: str) -> None:
    append(project.path / "README.md", "<<<<<<< before updating\nours\n=======\ntheirs\n>>>>>>> after updating\n")


Mistake = Callable[[Project, str], None]
PLANTED: dict[Mistake, str] = {
    careless: "E402",
    drift: "orgotten",
    unsafe: "changing-column-type",
    undecided: "README.md",
}


class Runner:
    """Runs the jobs of a project's pipeline on this machine, by the platform's own rules."""

    def __init__(self, project: Project, directory: Path) -> None:
        self.project, self.directory = project, directory
        self.github = (project.path / ".github").exists()
        if self.github:
            self.command: list[str | Path] = [TOOLS / "act", "--platform=ubuntu-24.04=-self-hosted", "--rm"]
        else:
            package = "gitlab-ci-local@4.75.0"
            run(TOOLS / "npm", "install", "--silent", f"--prefix={directory}", package, env={"PATH": self.path})
            self.command = [directory / "node_modules/.bin/gitlab-ci-local", "--force-shell-executor", "--no-color"]

    @property
    def path(self) -> str:
        return f"{TOOLS}:{os.environ['PATH']}"

    def __call__(self, job: str, code: int = 0, edits: dict[str, str] | None = None, **variables: str) -> str:
        """Runs a job of what is committed, as in a fresh clone."""
        clone = self.directory / uuid.uuid4().hex
        run("git", "clone", "--quiet", self.project.path, clone)
        run("git", "remote", "set-url", "origin", "https://example.com/team/service.git", cwd=clone)
        file = clone / (".github/workflows/check.yml" if self.github else ".gitlab-ci.yml")
        for old, new in (edits or {}).items():
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new))
        cache = run(TOOLS / "uv", "cache", "dir").strip()
        if self.github:
            self.adapt(file, variables)
            arguments = ["push", f"--job={job}", "--workflows=.github/workflows/check.yml"]
            arguments.append(f"--env=PYTEST_ADDOPTS={QUICK}")
            commit_all(clone, "What act cannot do is replaced")
        else:
            replace(file, "uv cache prune --ci", "echo kept")
            variables |= {"UV_CACHE_DIR": cache, "PYTEST_ADDOPTS": QUICK}
            arguments = [job, *(f"--variable={name}={value}" for name, value in variables.items())]
        environment = {"PATH": self.path, "HOME": str(self.directory), "UV_CACHE_DIR": cache, "UV_PYTHON": PYTHON}
        try:
            return run(*self.command, *arguments, cwd=clone, env=environment | variables, code=code)
        finally:
            shutil.rmtree(clone)

    def adapt(self, file: Path, variables: dict[str, str]) -> None:
        """The actions other than checkout are not here, nor is a place for the service's container."""
        workflow: dict[Any, Any] = yaml.safe_load(file.read_text())
        workflow["on"] = workflow.pop(True)  # what YAML 1.1 takes `on` for
        for job in workflow["jobs"].values():
            job.pop("services", None)
            for step in job["steps"]:
                if step.get("uses", "").startswith("astral-sh/setup-uv@"):
                    step.clear()
                    step["run"] = "uv --version # in place of setup-uv"
            for part in (job, *job["steps"]):
                for name in set(variables) & set(part.get("env", {})):
                    part["env"][name] = variables[name]
        file.write_text(yaml.safe_dump(workflow))


@pytest.fixture(scope="module")
def runner(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    if not (project.path / ".github").exists() and shutil.which("rsync") is None:
        pytest.skip("NOBODY RAN GITLAB'S JOBS: there is no rsync on PATH")
    return Runner(project, tmp_path_factory.mktemp("runner"))


@pytest.fixture
def restored(project: Project) -> Iterator[Project]:
    commit = run("git", "rev-parse", "HEAD", cwd=project.path).strip()
    yield project
    run("git", "reset", "--quiet", "--hard", commit, cwd=project.path)


def test_a_fresh_project_passes(project: Project, runner: Runner, postgres: Server) -> None:
    assert re.search(r"\d+ passed.* deselected", runner("check"))
    url = postgres.create(f"pipelines_{uuid.uuid4().hex}")
    assert re.search(r"\d+ passed.* deselected", runner("postgresql", DATABASE_URL=url))


@pytest.mark.in_turn
@pytest.mark.parametrize("mistake", PLANTED, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_fails_the_pipeline(
    mistake: Mistake, framework: str, restored: Project, runner: Runner, postgres: Server
) -> None:
    mistake(restored, framework)
    restored.run("ruff", "format", "--quiet")  # it is not its looks that fail
    commit_all(restored.path, "A mistake")
    if mistake is unsafe and framework == "django":  # whose migrations are checked by applying them
        url = postgres.create(f"pipelines_{uuid.uuid4().hex}")
        assert PLANTED[mistake] in runner("postgresql", code=1, DATABASE_URL=url)
    else:
        assert PLANTED[mistake] in runner("check", code=1)


def test_an_owner_adds_a_job(restored: Project, runner: Runner) -> None:
    """In a directory that may be empty."""
    if runner.github:
        pytest.skip("there, it is another workflow")
    directory = restored.path / ".gitlab/ci"
    (directory / "own.yml").write_text("own:\n  stage: check\n  script: [echo this is ours]\n")
    commit_all(restored.path, "A job")
    assert "this is ours" in runner("own")
    shutil.rmtree(directory)
    commit_all(restored.path, "No target, and no job")
    assert "postgresql" in (listed := runner("--list"))
    assert "machine" not in listed


def test_the_image_is_built_and_tried(project: Project, runner: Runner, engine: Engine) -> None:
    """Under a tag of its own. Nothing is pulled, as there may be no registry; this machine's engine is dind's."""
    tag = f"groundplan-pipeline:{uuid.uuid4().hex[:12]}"
    edits = {"--pull ": "", "service:check": tag}
    if runner.github:
        promtool = 'docker run --rm --volume "$PWD/prometheus:/rules" --workdir /rules --entrypoint promtool'
        edits[f"{promtool} \\\n            prom/prometheus:v3.5.0"] = "cd prometheus && promtool"
    else:
        edits["  services: [docker:29.8.2-dind]\n"] = ""
    try:
        said = runner("image" if runner.github else "build", edits=edits)
    finally:
        engine.run("rmi", "--force", tag)
    assert "The image migrates, becomes ready, and stops." in said
