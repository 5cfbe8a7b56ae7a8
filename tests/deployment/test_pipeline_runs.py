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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.conftest import Images
from tests.deployment.engine import Engine
from tests.owner import append, replace
from tests.postgres import Server
from tests.projects import PYTHON, Project, set_up
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


class Owner:
    """A project in its repository, the template that it came from, and what the platform was asked for."""

    def __init__(self, template: Path, directory: Path) -> None:
        self.directory, self.template = directory, directory / "template"
        self.project, self.remote, self.asked = directory / "service", directory / "remote.git", directory / "asked"
        run("git", "clone", "--quiet", template, self.template)
        run("git", "init", "--quiet", "--bare", self.remote)
        run("git", "config", "receive.advertisePushOptions", "true", cwd=self.remote)
        executable(
            self.remote / "hooks/pre-receive",
            f'i=0; while [ "$i" -lt "${{GIT_PUSH_OPTION_COUNT:-0}}" ]; do eval "echo \\"\\$GIT_PUSH_OPTION_$i\\"";'
            f" i=$((i + 1)); done >>{self.asked}",
        )
        self.gh = executable(
            directory / "bin/gh",
            f'printf "%s\\n" "$@" >>{self.asked}; test "$GH_TOKEN" = t0ken\n'
            f'if [ "$2" = list ]; then for last; do :; done; jq "$last" {directory}/open.json; fi',
        )
        (directory / "open.json").write_text("[]")
        render(self.template, self.project, framework="fastapi")
        commit_all(self.project, "Start", init=True)
        run("git", "remote", "add", "origin", self.remote, cwd=self.project)
        run("git", "push", "--quiet", "origin", "main", cwd=self.project)

    def improve(self, line: str = "max_line_length = 80") -> None:
        """The template's next version."""
        replace(self.template / "template_shared/editorconfig", "indent_size", f"{line}\nindent_size")
        packages = self.template / "template_fastapi/pyproject.toml.jinja"
        packages.write_text(packages.read_text().replace('"structlog>=26.1,<26.2', '"structlog>=26.1,<27'))
        commit_all(self.template, "The next version")

    def update(self, platform: str = "github", code: int = 0, **variables: str) -> str:
        """What the pipeline runs, on the default branch."""
        run("git", "switch", "--quiet", "main", cwd=self.project)
        self.asked.write_text("")
        script = self.project / "deploy/pipeline/template-update.sh"
        token = {"TEMPLATE_UPDATE_TOKEN": "t0ken", "SERVER_URL": "https://github.com"}
        result = attempt(script, platform, cwd=self.project, path=self.gh.parent, env=token | variables)
        assert result.returncode == code, result.stdout
        assert "t0ken" not in result.stdout
        return result.stdout

    @property
    def branches(self) -> list[str]:
        """What the remote repository has."""
        return run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads", cwd=self.remote).split()

    def proposed(self, file: str) -> str:
        """A file on the branch of the update."""
        return run("git", "show", f"template-update:{file}", cwd=self.remote)


@pytest.fixture
def owner(template: Path, tmp_path: Path) -> Owner:
    return Owner(template, tmp_path)


def test_nothing_new_is_no_branch(owner: Owner) -> None:
    assert "nothing new" in owner.update()
    replace(owner.template / "README.md", "\n", "\nNothing that a project has.\n")
    commit_all(owner.template, "The next version")
    assert "nothing new" in owner.update()
    assert owner.branches == ["main"]
    assert owner.asked.read_text() == ""


@pytest.mark.parametrize("platform", ["github", "gitlab"])
def test_what_is_new_is_proposed_once(platform: str, owner: Owner) -> None:
    owner.improve()
    owner.update(platform)
    assert "max_line_length = 80" in owner.proposed(".editorconfig")
    assert 'specifier = ">=26.1,<27"' in owner.proposed("uv.lock")
    asked = owner.asked.read_text()
    assert "Update from the template\n" in asked
    assert ("merge_request.create" if platform == "gitlab" else "create\n--head\ntemplate-update") in asked
    assert "raft" not in asked
    assert "proposed already" in owner.update(platform)
    assert owner.asked.read_text() == ""

    owner.improve("trim = 1")
    (owner.directory / "open.json").write_text(
        '[{"number": 6, "isCrossRepository": true}, {"number": 7, "isCrossRepository": false}]'
    )
    owner.update(platform)
    assert "trim = 1" in owner.proposed(".editorconfig")
    assert run("git", "rev-list", "--count", "main..template-update", cwd=owner.remote).strip() == "1"
    assert platform == "gitlab" or "edit\n7\n" in owner.asked.read_text()


@pytest.mark.parametrize("platform", ["github", "gitlab"])
def test_conflicts_are_named_and_cannot_be_overlooked(platform: str, owner: Owner) -> None:
    replace(owner.project / ".editorconfig", "indent_size", "max_line_length = 99\nindent_size")
    commit_all(owner.project, "A rule of ours")
    owner.improve()
    assert ".editorconfig" in owner.update(platform)
    asked = owner.asked.read_text()
    assert "with conflicts" in asked
    assert "same lines of: .editorconfig." in asked
    assert ("Draft: " if platform == "gitlab" else "--draft") in asked
    assert "<<<<<<< before updating" in owner.proposed(".editorconfig")
    # Somebody solves it: from then on the branch is theirs.
    run("git", "switch", "--quiet", "template-update", cwd=owner.project)
    (owner.project / ".editorconfig").write_text("root = true\n")
    commit_all(owner.project, "Solve the conflicts")
    run("git", "push", "--quiet", "origin", "template-update", cwd=owner.project)
    owner.improve("trim = 1")
    assert "Somebody works on template-update" in owner.update(platform)
    assert owner.proposed(".editorconfig") == "root = true\n"


def test_a_plan_without_drafts_gets_a_proposal_all_the_same(owner: Owner) -> None:
    owner.gh.write_text(owner.gh.read_text() + 'case "$*" in *--draft*) exit 1 ;; esac\n')
    replace(owner.project / ".editorconfig", "indent_size", "max_line_length = 99\nindent_size")
    commit_all(owner.project, "A rule of ours")
    owner.improve()
    owner.update()
    assert owner.asked.read_text().count("with conflicts") == 2


def test_an_update_needs_a_token_and_a_reachable_template(owner: Owner) -> None:
    assert "set the secret TEMPLATE_UPDATE_TOKEN" in owner.update(code=1, TEMPLATE_UPDATE_TOKEN="")
    shutil.rmtree(owner.template)
    assert str(owner.template) in owner.update(code=1)
    assert owner.branches == ["main"]


def set_up_git(owner: Owner, command: str) -> Path:
    """The script as far as it tells git what it needs, and then a command in place of the rest."""
    script = owner.project / "deploy/pipeline/template-update.sh"
    text = script.read_text()
    script.write_text(f"{text[: text.index(chr(10) + 'base=')]}\n{command}\n")
    replace(script, "platform=$1", "platform=$1 && shift")
    return script


def test_only_the_named_server_gets_the_token(owner: Owner) -> None:
    """What git would answer, once the script has set it up, by its own question for credentials."""
    script = set_up_git(owner, 'printf "url=$1\\n\\n" | git credential fill')
    token = {"TEMPLATE_UPDATE_TOKEN": "a-secret", "SERVER_URL": "https://github.com"}
    asked = {
        host: attempt(script, "github", f"https://{host}/x/y.git", cwd=owner.project, env=token).stdout
        for host in ("github.com", "github.com.example.org", "example.org")
    }
    assert [host for host, answer in asked.items() if "password=a-secret" in answer] == ["github.com"]


def test_the_templates_address_for_ssh_becomes_the_servers(owner: Owner) -> None:
    """Git says where it would go, once the script has set it up."""
    script = set_up_git(owner, 'git ls-remote --get-url "$1"')
    token = {"TEMPLATE_UPDATE_TOKEN": "a-secret", "SERVER_URL": "https://git.example.com:8443/git"}
    for address, reached in {
        "git@git.example.com:team/template.git": "https://git.example.com:8443/git/team/template.git",
        "ssh://git@git.example.com/team/template.git": "https://git.example.com:8443/git/team/template.git",
        "git@example.com:team/template.git": "git@example.com:team/template.git",
    }.items():
        assert attempt(script, "github", address, cwd=owner.project, env=token).stdout == f"{reached}\n"


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


def test_only_what_has_started_gets_a_version(project: Project, tmp_path: Path) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    copy = tmp_path / "service"
    shutil.copytree(project.path / "deploy/pipeline", copy / "deploy/pipeline")
    commit_all(copy, "Start", init=True)
    docker = executable(
        tmp_path / "bin/docker",
        f'echo "docker $*" >>{tmp_path}/asked\nwhile [ $# -gt 0 ]; do [ "$1" != --metadata-file ] ||'
        f""" printf '{{\\n "containerimage.digest": "{digest}"\\n}}\\n' >"$2"; shift; done""",
    )
    smoke = executable(copy / "deploy/pipeline/smoke.sh", f'echo "smoke $*" >>{tmp_path}/asked; exit "${{SMOKE:-0}}"')
    publish: list[str | Path] = [copy / "deploy/pipeline/publish.sh", "registry.example.com/service", "v1.2.3"]
    for code in ("0", "1"):
        (tmp_path / "asked").write_text("")
        result = attempt(
            "sh", "-c", '"$@" 2>/dev/null', "sh", *publish, cwd=tmp_path, path=docker.parent, env={"SMOKE": code}
        )
        build, tried, *tagged = (tmp_path / "asked").read_text().splitlines()
        assert "--provenance mode=max --sbom true" in build
        assert "push-by-digest=true" in build
        assert "v1.2.3" not in build.replace("image.version=v1.2.3", "")
        assert tried == f"smoke registry.example.com/service@{digest}"
        assert (result.returncode, result.stdout) == ((0, f"{digest}\n") if code == "0" else (1, ""))
        assert [line.split()[2] for line in tagged] == (["imagetools"] if code == "0" else [])
    assert smoke.exists()


def test_a_release_reaches_the_machine_and_spares_what_is_only_there(project: Project, tmp_path: Path) -> None:
    """ssh is a script that runs the command here; the rest is real."""
    machine = tmp_path / "machine"
    (machine / "service/deploy/compose").mkdir(parents=True)
    (machine / "service/deploy/compose/.env").write_text("IMAGE=ours\n")
    copy = tmp_path / "checkout"
    run("git", "clone", "--quiet", project.path, copy)
    deploy = executable(copy / "deploy/compose/deploy.sh", 'echo "deploy $* in $PWD with $(cat deploy/compose/.env)"')
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
    result = attempt(script, "v1.2.3", cwd=tmp_path, path=ssh.parent, env=variables)
    assert result.returncode == 0, result.stdout
    assert f"deploy v1.2.3 in {machine}/service with IMAGE=ours" in result.stdout
    assert (machine / "service/deploy/compose/compose.yaml").stat().st_mode & 0o777 == 0o644
    assert "600\na key\n" in result.stdout
    assert "machine.example.com ssh-ed25519 AAAA\n" in result.stdout
    assert (tmp_path / "asked").read_text().count("StrictHostKeyChecking=yes") == 2
    deploy.write_text("#!/bin/sh\nexit 3\n")
    commit_all(copy, "Fail")
    assert attempt(script, "v1.2.3", cwd=tmp_path, path=ssh.parent, env=variables).returncode == 3
    refused = attempt(script, "v1'; reboot '", cwd=tmp_path, path=ssh.parent, env=variables)
    assert refused.returncode == 2
    assert attempt(script, "v1", cwd=tmp_path, path=ssh.parent, env=variables | {"DEPLOY_HOST": ""}).returncode


# --- The image ----------------------------------------------------------------------------------------------------


def test_a_sound_image_passes_and_a_broken_one_does_not(framework: str, images: Images, engine: Engine) -> None:
    image = images(framework)

    def smoke(tag: str) -> tuple[int, str]:
        """Its exit code and what it said, after which nothing of its own may be there."""
        script = image.project / "deploy/pipeline/smoke.sh"
        with subprocess.Popen([script, tag], stdout=-1, stderr=-2, text=True) as process:
            said, _ = process.communicate()
        its = f"--filter=name=smoke-{process.pid}"
        assert engine.run("ps", "--all", "--quiet", its) + engine.run("network", "ls", "--quiet", its) == ""
        return process.returncode, said

    code, said = smoke(image.tag)
    assert code == 0, said
    assert "ends cleanly" in said
    for broken, complaint in {
        'CMD ["false"]': "web ended",
        "STOPSIGNAL SIGKILL": "ended with 137",
        "RUN rm -r /srv/service/*/core/migrate.py": "the migrations failed",
    }.items():
        tag = f"groundplan-broken:{uuid.uuid4().hex[:12]}"
        file = f"FROM {image.tag}\nUSER 0\n{broken}\nUSER 65532\n"
        subprocess.run(
            ["docker", "build", "--quiet", f"--tag={tag}", "-"], input=file, text=True, check=True, stdout=-3
        )
        try:
            code, said = smoke(tag)
        finally:
            engine.run("rmi", "--force", tag)
        assert code == 1, said
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
        (project.path / "migrations/versions/0002_unsafe.py").write_text(
            '"""Unsafe."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = "0002"\n'
            'down_revision = "0001"\n\n\ndef upgrade() -> None:\n    """Locks the table."""\n'
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
            commit_all(clone, "What act cannot do is replaced")
        else:
            replace(file, "uv cache prune --ci", "echo kept")
            variables |= {"UV_CACHE_DIR": cache}
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
                for name in set(variables) & set(step.get("env", {})):
                    step["env"][name] = variables[name]
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
    assert re.search(r"\d+ passed", runner("check"))
    url = postgres.create(f"pipelines_{uuid.uuid4().hex}")
    assert re.search(r"\d+ passed", runner("postgresql", DATABASE_URL=url))


@pytest.mark.parametrize("mistake", PLANTED, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_fails_the_check(mistake: Mistake, framework: str, restored: Project, runner: Runner) -> None:
    mistake(restored, framework)
    restored.run("ruff", "format", "--quiet")  # it is not its looks that fail
    commit_all(restored.path, "A mistake")
    assert PLANTED[mistake] in runner("check", code=1)


def test_the_image_is_built_and_tried(project: Project, runner: Runner, engine: Engine) -> None:
    """Under a tag of its own. Nothing is pulled, as there may be no registry; this machine's engine is dind's."""
    tag = f"groundplan-pipeline:{uuid.uuid4().hex[:12]}"
    edits = {"--pull ": "", "service:check": tag}
    if not runner.github:
        edits["  services: [docker:29.8.2-dind]\n"] = ""
    try:
        said = runner("image" if runner.github else "build", edits=edits)
    finally:
        engine.run("rmi", "--force", tag)
    assert "The service ends cleanly." in said
