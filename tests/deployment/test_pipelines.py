"""The pipelines as they are rendered: valid, careful, and about this project. test_pipeline_runs.py runs them."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.owner import replace
from tests.tools import FRAMEWORKS, commit_all, render, run, tree

TOOLS = Path(sys.executable).parent
COMBINATIONS = [
    (framework, ci, targets)
    for framework, several in {
        "django": ((), ("compose",), ("kubernetes",), ("compose", "kubernetes")),
        "fastapi": (("compose", "kubernetes"), ("serverless",)),
    }.items()
    for ci in ("github", "gitlab")
    for targets in several
]
pytestmark = [pytest.mark.option("github", "gitlab"), pytest.mark.xdist_group("pipelines")]
# What zizmor says beyond its usual, and why it does not count here.
ZIZMOR = """
rules:
  unpinned-images: {disable: true} # a tag is enough for the database that tests run on
  secrets-outside-env: {disable: true} # the token of template updates is no environment's
  superfluous-actions: {disable: true} # `gh pr create` does not update a pull request
"""
YAMLLINT = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}, \
comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 0}}}"
PIN = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", re.MULTILINE)


class Rendered:
    """Projects of each combination of answers, rendered when one is asked for."""

    def __init__(self, template: Path, directory: Path) -> None:
        self._template, self._directory = template, directory

    def __call__(self, framework: str, ci: str, targets: tuple[str, ...]) -> Path:
        project = self._directory / "-".join((framework, ci, *targets))
        if not project.exists():
            render(self._template, project, framework=framework, ci=ci, target=list(targets))
            commit_all(project, "Start", init=True)  # zizmor and actionlint look for the repository
        return project

    def copy(self, framework: str, ci: str, targets: tuple[str, ...], destination: Path) -> Path:
        run("git", "clone", "--quiet", self(framework, ci, targets), destination)
        return destination


@pytest.fixture(scope="module")
def rendered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return Rendered(template, tmp_path_factory.mktemp("pipelines"))


@pytest.fixture(params=COMBINATIONS, ids=lambda combination: "-".join((*combination[:2], *combination[2])))
def project(request: pytest.FixtureRequest, rendered: Rendered) -> Path:
    return rendered(*request.param)


GITLAB = ".gitlab-ci.yml .gitlab/ci/*.yml"
# Which files a validator reads, and how it is called.
VALIDATORS: dict[str, tuple[str, list[str]]] = {
    "actionlint": (".github/workflows/*", ["actionlint"]),
    "zizmor": (".github", ["zizmor", "--quiet", "--offline", "--persona=auditor", "--config=zizmor.yml"]),
    "workflows": (".github/workflows/*", ["check-jsonschema", "--builtin-schema=vendor.github-workflows"]),
    "dependabot": (".github/dependabot.yml", ["check-jsonschema", "--builtin-schema=vendor.dependabot"]),
    "gitlab": (
        GITLAB,
        ["check-jsonschema", *["--data-transform=gitlab-ci", "--builtin-schema=vendor.gitlab-ci"]],
    ),
    "renovate": ("renovate.json", ["check-jsonschema", "--builtin-schema=vendor.renovate"]),
    "yamllint": ("**/.*/**/*.yml", ["yamllint", "--strict", f"--config-data={YAMLLINT}"]),
    "yamllint-gitlab": (GITLAB, ["yamllint", "--strict", f"--config-data={YAMLLINT}"]),
    "shellcheck": ("deploy/pipeline/*", ["shellcheck"]),
}


def complaints(validator: str, *projects: Path) -> str:
    """What a validator says of the files that it reads; nothing where all is well."""
    patterns, (name, *options) = VALIDATORS[validator]
    files = [path for project in projects for pattern in patterns.split() for path in sorted(project.glob(pattern))]
    assert files
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "zizmor.yml").write_text(ZIZMOR)
        # actionlint starts shellcheck for what workflows run.
        environment = os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
        command: list[str | Path] = [TOOLS / name, *options, *files]
        result = subprocess.run(command, cwd=directory, env=environment, stdout=-1, stderr=-2, text=True, check=False)
    return result.stdout if result.returncode else ""


def texts(project: Path) -> dict[str, str]:
    """The files that are the platform's."""
    patterns = [".github/**/*.yml", *GITLAB.split()]
    files = [path for pattern in patterns for path in sorted(project.glob(pattern))]
    return {file.name: file.read_text() for file in files}


def commands(project: Path) -> dict[str, list[str]]:
    """What the jobs run, by job."""
    found: dict[str, list[str]] = {}
    for name, text in texts(project).items():
        content = yaml.safe_load(text)
        if (project / ".gitlab-ci.yml").exists():
            for job, body in content.items():
                if isinstance(body, dict):
                    parts = [body.get(key, []) for key in ("before_script", "script", "after_script")]
                    found[job] = [line for part in parts for line in part]
        else:
            for job, body in content.get("jobs", {}).items():
                found[f"{name}/{job}"] = [step["run"] for step in body.get("steps", []) if "run" in step]
    return found


@pytest.mark.parametrize("validator", VALIDATORS)
def test_every_validator_is_content(validator: str, rendered: Rendered) -> None:
    ci = "gitlab" if validator in {"gitlab", "renovate", "yamllint-gitlab"} else "github"
    projects = [rendered(*combination) for combination in COMBINATIONS if combination[1] == ci]
    assert complaints(validator, *projects) == ""


WORKFLOWS = ".github/workflows"
BROKEN = [
    ("actionlint", f"{WORKFLOWS}/check.yml", "run: uv run --no-sync poe check",
     "run: echo '${{ github.event.pull_request.title }}'", "potentially untrusted"),
    ("zizmor", f"{WORKFLOWS}/deploy.yml", '"$ENVIRONMENT" "$GITHUB_REF_NAME"',
     '"${{ inputs.environment }}" "${{ github.ref_name }}"', "template-injection"),
    ("zizmor", f"{WORKFLOWS}/check.yml", "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
     "checkout@v7", "unpinned-uses"),
    ("zizmor", f"{WORKFLOWS}/release.yml", "permissions: {}", "permissions: write-all", "excessive-permissions"),
    ("zizmor", f"{WORKFLOWS}/check.yml", "persist-credentials: false", "fetch-depth: 1", "artipacked"),
    ("zizmor", f"{WORKFLOWS}/release.yml", "enable-cache: false", "enable-cache: true", "cache-poisoning"),
    ("actionlint", f"{WORKFLOWS}/release.yml", "needs: image", "needs: images", "images"),
    ("actionlint", f"{WORKFLOWS}/check.yml", "        run: uv sync", "        runs: uv sync", "must run script"),
    ("workflows", f"{WORKFLOWS}/check.yml", "    runs-on: ubuntu-24.04\n", "", "runs-on"),
    ("actionlint", f"{WORKFLOWS}/release.yml", '"$GITHUB_OUTPUT"', "$GITHUB_OUTPUT", "SC2086"),
    ("dependabot", ".github/dependabot.yml", "package-ecosystem: uv", "package-ecosystem: uvx", "uvx"),
    ("zizmor", ".github/dependabot.yml", "    cooldown:\n      default-days: 7\n", "", "dependabot-cooldown"),
    ("yamllint", ".github/dependabot.yml", "    directory: /\n", "    directory: /\n    directory: /\n", "duplication"),
    ("shellcheck", "deploy/pipeline/smoke.sh", '"$run-web" "$image"', "$run-web $image", "SC2086"),
    ("gitlab", ".gitlab-ci.yml", "  stage: check\n", "  stages: check\n", "stages"),
    ("gitlab", ".gitlab-ci.yml", "  interruptible: false\n", "  interruptible: 7\n", "interruptible"),
    ("gitlab", ".gitlab/ci/machine.yml", "      when: manual\n", "      when: manually\n", "manually"),
    ("yamllint-gitlab", ".gitlab-ci.yml", "\naudit:\n", "\ncheck:\n", "duplication"),
    ("renovate", "renovate.json", '"minimumReleaseAge": "7 days"', '"minimumReleaseAge": 7', "minimumReleaseAge"),
]  # fmt: skip


def test_every_kind_of_file_is_broken_once() -> None:
    assert {row[0] for row in BROKEN} == set(VALIDATORS)


@pytest.mark.parametrize(
    ("validator", "file", "old", "new", "complaint"), BROKEN, ids=[f"{row[0]}-{row[4]}" for row in BROKEN]
)
def test_a_broken_copy_is_found(
    validator: str, file: str, old: str, new: str, complaint: str, rendered: Rendered, tmp_path: Path
) -> None:
    ci = "gitlab" if "gitlab" in file or "renovate" in file else "github"
    copy = rendered.copy("django", ci, ("compose", "kubernetes"), tmp_path / "service")
    replace(copy / file, old, new)
    assert complaint in complaints(validator, copy)


def test_actions_are_pinned_and_their_release_stands_beside(rendered: Rendered) -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for framework, ci, targets in COMBINATIONS:
        for text in texts(rendered(framework, ci, targets)).values():
            used = [line for line in text.splitlines() if re.search(r"\buses:(?! \$/)", line)]
            assert len(used) == len(PIN.findall(text))
            for action, commit, release in PIN.findall(text):
                pins.setdefault(action, set()).add((commit, release))
    assert set(pins) == {
        *("actions/checkout", "actions/attest", "astral-sh/setup-uv", "peter-evans/create-pull-request"),
        *("docker/build-push-action", "docker/login-action", "docker/setup-buildx-action"),
    }
    assert all(len(pinned) == 1 for pinned in pins.values()), "one action, two releases"


def test_each_job_has_the_permissions_that_it_needs_and_no_others(rendered: Rendered) -> None:
    project = rendered("django", "github", ("compose", "kubernetes"))
    given: dict[str, Any] = {}
    for name, text in texts(project).items():
        content = yaml.safe_load(text)
        for job, body in content.get("jobs", {}).items():
            assert content["permissions"] == {}
            assert "concurrency" in content
            assert "timeout-minutes" in body or "uses" in body
            assert body.get("runs-on", "ubuntu-24.04") == "ubuntu-24.04"
            given[f"{name}/{job}"] = body["permissions"]
    reads = {"contents": "read"}
    signs = {"packages": "write", "attestations": "write", "id-token": "write"}
    assert given == {
        **{f"check.yml/{job}": reads for job in ("check", "postgresql", "audit", "api", "image")},
        "release.yml/check": reads,
        "release.yml/image": reads | signs,
        "release.yml/staging": {"actions": "write"},
        **{f"deploy.yml/{job}": reads for job in ("machine", "cluster")},
        "template-update.yml/update": reads,
    }


def test_a_release_of_functions_has_their_archive(rendered: Rendered) -> None:
    github = yaml.safe_load(texts(rendered("fastapi", "github", ("serverless",)))["release.yml"])["jobs"]
    assert github["archive"]["needs"] == "check"
    assert github["archive"]["permissions"] == dict.fromkeys(("contents", "attestations", "id-token"), "write")
    attested = [step["with"]["subject-path"] for step in github["archive"]["steps"] if "attest" in step.get("uses", "")]
    uploaded = github["archive"]["steps"][-1]["run"]
    assert attested == ["build/service.zip"]
    assert 'gh release upload "$GITHUB_REF_NAME" build/service.zip' in uploaded
    gitlab = yaml.safe_load(texts(rendered("fastapi", "gitlab", ("serverless",)))["serverless.yml"])["archive"]
    assert gitlab["rules"] == [{"if": "$CI_COMMIT_TAG"}]
    assert gitlab["artifacts"] == {"paths": ["build/service.zip"], "expire_in": "never"}


def test_functions_have_no_alerts_of_prometheus(rendered: Rendered) -> None:
    for ci in ("github", "gitlab"):
        for targets, expected in ((("serverless",), False), (("compose", "kubernetes"), True)):
            assert ("promtool" in "".join(texts(rendered("fastapi", ci, targets)).values())) == expected


def test_without_a_target_a_release_ends_with_the_image(rendered: Rendered) -> None:
    github, gitlab = rendered("django", "github", ()), rendered("django", "gitlab", ())
    assert not (github / ".github/workflows/deploy.yml").exists()
    assert set(yaml.safe_load(texts(github)["release.yml"])["jobs"]) == {"check", "image"}
    assert not {job for job in commands(gitlab) if "staging" in job or "production" in job}
    for project in (github, gitlab):
        assert not (project / "deploy/pipeline/compose.sh").exists()
        assert "staging" not in (project / "docs/pipeline.md").read_text()


def test_who_has_pipelines_of_their_own_gets_none(template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "service", framework="django", ci="none")
    for name in (".github", ".gitlab-ci.yml", "renovate.json", "deploy/pipeline", "docs/pipeline.md"):
        assert not (project / name).exists()
    assert "pipeline.md" not in (project / "README.md").read_text()


def test_production_waits_for_a_person(rendered: Rendered) -> None:
    github = texts(rendered("django", "github", ("compose", "kubernetes")))
    assert yaml.safe_load(github["deploy.yml"])[True].keys() == {"workflow_dispatch"}
    assert "environment=staging" in github["release.yml"]
    assert "production" not in github["release.yml"]
    gitlab = texts(rendered("django", "gitlab", ("compose", "kubernetes")))
    jobs = [job for text in gitlab.values() for job in yaml.safe_load(text).items() if isinstance(job[1], dict)]
    production = {name: body for name, body in jobs if body.get("stage") == "production"}
    assert set(production) == {"production-machine", "production-cluster"}
    for body in production.values():
        assert [rule["when"] for rule in body["rules"]] == ["manual"]


@pytest.mark.parametrize(("job", "given", "other"), [
    ("machine", "DEPLOY_HOST", "HAS_CLUSTER"),
    ("cluster", "KUBECONFIG_CONTENT", "HAS_MACHINE"),
])  # fmt: skip
def test_an_environment_may_lack_one_of_two_targets(
    rendered: Rendered, tmp_path: Path, job: str, given: str, other: str
) -> None:
    """But not both, and none where there is one."""
    kubeconfig, gitlab = tmp_path / "kubeconfig", rendered("django", "gitlab", ("compose", "kubernetes"))
    (tmp_path / "kubeconfig").touch()
    lines = "\n".join(commands(gitlab)[{"machine": ".deploy-on-machine", "cluster": ".deploy-to-cluster"}[job]])
    there = {"machine": {"KUBECONFIG": str(kubeconfig)}, "cluster": {"DEPLOY_HOST": "host"}}[job]
    for beside, skips in ((there, True), ({}, False)):
        variables = {"PATH": os.environ["PATH"], **beside}
        done = subprocess.run(
            ["sh", "-ec", lines], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0, "is not set." in done.stdout) == (skips, skips), done.stderr
    github = yaml.safe_load(texts(rendered("django", "github", ("compose", "kubernetes")))["deploy.yml"])
    step = github["jobs"][job]["steps"][-1]
    assert {given, other} <= set(step["env"])
    for value, skips in (("true", True), ("false", False)):
        variables = os.environ | {given: "", other: value, "RUNNER_TEMP": str(tmp_path), "GITHUB_REF_NAME": "v1"}
        command = ["bash", "-ec", step["run"]]  # where there is no deploy/, which fails unless it is skipped
        done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode == 0, "::notice::" in done.stdout) == (skips, skips), done.stderr
    for target, name in (("compose", "machine"), ("kubernetes", "cluster")):
        assert "This environment has no" not in str(commands(rendered("django", "gitlab", (target,))))
        alone = yaml.safe_load(texts(rendered("django", "github", (target,)))["deploy.yml"])
        assert "HAS_" not in str(alone["jobs"][name])


def test_a_release_is_tried_before_it_is_published(rendered: Rendered) -> None:
    """It is built once, and gets its tag afterwards. In GitLab, buildx needs a context for TLS."""
    github = yaml.safe_load(texts(rendered("django", "github", ("compose",)))["release.yml"])
    steps = github["jobs"]["image"]["steps"]
    (build,) = [step for step in steps if step.get("uses", "").startswith("docker/build-push-action@")]
    assert "push-by-digest=true" in build["with"]["outputs"]
    assert "tags" not in build["with"]
    assert (build["with"]["provenance"], build["with"]["sbom"]) == ("mode=max", True)
    (tried,) = [step for step in steps if "smoke.sh" in step.get("run", "")]
    (tagged,) = [step for step in steps if "imagetools create" in step.get("run", "")]
    assert steps.index(build) < steps.index(tried) < steps.index(tagged)
    assert tried["env"] == tagged["env"]
    assert "steps.build.outputs.digest" in tried["env"]["IMAGE"]

    lines = commands(rendered("django", "gitlab", ("compose",)))["publish"]
    kinds = ["docker context create builder", "docker buildx create --use --driver docker-container builder"]
    kinds += ["docker buildx build --pull --provenance", "image=", 'sh deploy/pipeline/smoke.sh "$image"']
    kinds += ["docker buildx imagetools create --tag"]
    assert [next(kind for kind in kinds if line.startswith(kind)) for line in lines[1:]] == kinds


def test_jobs_call_the_projects_own_commands(project: Path) -> None:
    verbs = {name for file in project.glob("poe_tasks*.toml") for name in tomllib.loads(file.read_text())["tasks"]}
    expected = {"check", "lint-migrations", "schema", "test"}
    if (project / "deploy" / "serverless").exists():
        expected |= {"archive", "lint-functions"}
    called, scripts = set[str](), set[str]()
    for lines in commands(project).values():
        called |= set(re.findall(r"\bpoe (\S+)", "\n".join(lines)))
        scripts |= set(re.findall(r"\bdeploy/\S+\.sh\b", "\n".join(lines)))
    assert called == expected <= verbs
    ours = {f"deploy/pipeline/{path.name}" for path in (project / "deploy/pipeline").iterdir()}
    assert {script for script in scripts if "/pipeline/" in script} == ours
    for script in ours:
        assert f"Usage: sh {script}" in run("sh", project / script, code=2)
    for script in scripts - ours:
        assert (project / script).is_file(), f"nobody renders {script}"


def bare(text: str, scripts: set[str]) -> list[str]:
    """Lines that call one of some scripts without an interpreter: by a path, or with arguments."""
    found = []
    for line in text.splitlines():
        words = re.sub(r"[`'\"()\[\],]", " ", line).split()
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
            is_call = "/" in word or re.match(r"-|\$|v\d|[A-Z]{4}", after)
            if word.rpartition("/")[2] in scripts and is_call and before not in {"sh", "bash", ".", "$0"}:
                found.append(line)
    return found


def test_a_lost_run_bit_does_not_matter(project: Path) -> None:
    """Scripts are called by their interpreter everywhere: git forgets the bit where core.fileMode is false."""
    scripts = {path.name for path in project.rglob("*.sh")}
    found = {name: bare(content.decode(), scripts) for name, content in tree(project).items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "run: deploy/compose/deploy.sh",
        "./deploy.sh",
        "cmd = 'deploy/compose/deploy.sh --rollback'",
        "Run `deploy.sh v1.0.0`.",
        "17 3 * * * /srv/service/deploy/compose/deploy.sh",
        "# Usage: deploy.sh VERSION",
        'cmd = "deploy/compose/deploy.sh"',
    ],
)
def test_a_call_without_an_interpreter_is_found(text: str) -> None:
    assert bare(text, {"deploy.sh"})
    assert not bare(re.sub(r"(\S*deploy\.sh)", r"bash \1", text), {"deploy.sh"})


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_checkout_as_on_windows_works(framework: str, template: Path, tmp_path: Path) -> None:
    """With other line ends, and without run bits: in the template's repository, in the project's, and in a clone."""
    settings = {"core.autocrlf": "true", "core.eol": "crlf", "core.fileMode": "false"}
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    project, clone = tmp_path / "service", tmp_path / "clone"
    answers = ["--data", f"framework={framework}", "--data", "target=[compose, kubernetes]"]
    run(TOOLS / "copier", "copy", "--quiet", "--defaults", *answers, template, project, env=variables)
    run("git", "init", "--quiet", cwd=project)
    run("git", "config", "core.fileMode", "false", cwd=project)
    commit_all(project, "Start")
    run("git", "clone", "--quiet", project, clone, env=variables)
    assert "100755" not in run("git", "ls-files", "--stage", cwd=clone)
    for copy in (project, clone):
        assert [name for name, content in tree(copy).items() if b"\r" in content] == []
    scripts = [path for path in sorted(clone.glob("deploy/**/*.sh")) if path.read_bytes().startswith(b"#!")]
    assert len(scripts) >= 6
    for script in scripts:
        shell = script.read_text().splitlines()[0].split("/")[-1].split()[-1]
        arguments = ["--help"] if script.parent.name == "compose" else []
        said = subprocess.run([shell, script, *arguments], stdout=-1, stderr=-2, text=True, check=False).stdout
        assert f"sage: {shell} " in said, said


def test_a_security_fix_does_not_wait_for_the_template(rendered: Rendered) -> None:
    """Neither bot is held to the bounds in pyproject.toml. Renovate looks for advisories on GitLab only if told to."""
    dependabot = yaml.safe_load((rendered("django", "github", ()) / ".github/dependabot.yml").read_text())
    assert not any("versioning-strategy" in update for update in dependabot["updates"])
    renovate = json.loads((rendered("django", "gitlab", ()) / "renovate.json").read_text())
    (python,) = [rule for rule in renovate["packageRules"] if rule["matchManagers"] == ["pep621"]]
    assert python["rangeStrategy"] == "update-lockfile"
    assert renovate["osvVulnerabilityAlerts"]


def test_renovate_pins_the_images_of_the_pipeline(rendered: Rendered) -> None:
    renovate = json.loads((rendered("django", "gitlab", ()) / "renovate.json").read_text())
    (rule,) = [rule for rule in renovate["packageRules"] if "pinDigests" in rule]
    assert (rule["matchManagers"], rule["pinDigests"]) == (["gitlabci"], True)


def test_the_template_updates_itself(rendered: Rendered) -> None:
    (update,) = commands(rendered("django", "github", ()))["template-update.yml/update"][:1]
    assert "groundplan update ||" in update
    for ci in ("github", "gitlab"):
        for name in ("README.md", "docs/pipeline.md"):
            assert "groundplan update" in (rendered("django", ci, ()) / name).read_text()
    renovate = json.loads((rendered("django", "gitlab", ()) / "renovate.json").read_text())
    assert "copier" in renovate["enabledManagers"]


def test_what_the_owner_has_to_set_is_documented_and_nothing_else(project: Path) -> None:
    text = "\n".join(texts(project).values())
    page = (project / "docs/pipeline.md").read_text()
    used = set(re.findall(r"(?:secrets|vars)\.(\w+)", text))
    if "gitlab" in project.name:  # there, a variable reaches every script under its own name
        for script in (project / "deploy/pipeline").iterdir():
            used |= set(re.findall(r'"\$\{(\w+):\?\}"', script.read_text()))
        used |= set(re.findall(r'"\$(KUBECONFIG)"', text))
    assert set(re.findall(r"^ +\| `([A-Z_]+)` \|", page, re.MULTILINE)) == used
    environments = set(re.findall(r"environment(?:=|: )(staging|production)\b", text)) | set(
        re.findall(r"options: \[(\w+), (\w+)\]", text)[0] if "options: [" in text else ()
    )
    assert set(re.findall(r"`(staging|production)`", page)) == environments
    for name in re.findall(r"`(\w[\w-]+\.yml)`", page):
        assert name in texts(project)


def test_another_python_is_not_proposed(rendered: Rendered) -> None:
    """Its version stands in several files, which change together: see test_one_version_of_each_tool."""
    dependabot = yaml.safe_load((rendered("django", "github", ()) / ".github/dependabot.yml").read_text())
    ignored = [rule for update in dependabot["updates"] for rule in update.get("ignore", [])]
    steps = [f"version-update:semver-{step}" for step in ("minor", "major")]
    assert ignored == [{"dependency-name": "python", "update-types": steps}]
    everything = rendered("django", "github", ("compose", "kubernetes")) / ".github/dependabot.yml"
    updates = yaml.safe_load(everything.read_text())["updates"]
    ignored = [rule for update in updates for rule in update.get("ignore", [])]
    assert ignored[1:] == [{"dependency-name": "postgres", "update-types": steps[1:]}]
    renovate = json.loads((rendered("django", "gitlab", ()) / "renovate.json").read_text())
    (rule,) = [rule for rule in renovate["packageRules"] if rule.get("enabled") is False]
    assert (rule["matchPackageNames"], rule["matchUpdateTypes"]) == (["python", "postgres"], ["minor", "major"])


def test_one_version_of_each_tool(project: Path) -> None:
    image = (project / "Dockerfile").read_text()
    python = re.findall(r"^FROM python:(\d+\.\d+)", image, re.MULTILINE)[0]
    uv = re.findall(r"\buv==([\d.]+)", image)[0]
    text = "\n".join(texts(project).values())
    said = re.findall(r'(?:UV_VERSION|  version): "(.+)"', text) + re.findall(r"\buv==([\d.]+)", text)
    assert set(said) == {uv}
    said = re.findall(r'(?:PYTHON_VERSION|python-version): "(.+)"', text) + re.findall(r"image: python:([\d.]+)-", text)
    assert set(said) == {python}
    everywhere = [path.read_text() for path in project.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(set(re.findall(r"\bpostgres:\d[\w.-]*", "\n".join(everywhere)))) == 1
