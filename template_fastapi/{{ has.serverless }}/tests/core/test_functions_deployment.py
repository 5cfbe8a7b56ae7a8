"""The functions' template is valid, and their deployment migrates first."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import archive

from conftest import ROOT

DIRECTORY = ROOT / "deploy" / "serverless"
TEMPLATE = (DIRECTORY / "template.yaml").read_text()
AWS = """#!/bin/sh
echo "aws $*" >>"$CALLS"
case "$*" in
*" invoke "*) for answer in "$@"; do :; done; echo reason >"$answer"; echo "$FAILURE" ;;
*describe-stacks*) echo https://api.example.com ;;
esac
"""


@pytest.mark.slow
def test_the_template_is_valid() -> None:
    command = [Path(sys.executable).with_name("cfn-lint"), DIRECTORY / "template.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_template_names_what_exists() -> None:
    assert (
        "Runtime: !If [IsImage, !Ref AWS::NoValue, python{}.{}]".format(*archive.RUNTIME)
        in TEMPLATE
    )
    for name in re.findall(r'!Sub "([\w.$\{\}]+)\.handler"', TEMPLATE):
        for function in ("web", "migrate"):
            path = name.replace("${Function}", function).replace(".", "/")
            assert (ROOT / f"{path}.py").exists()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which commands record their calls in place of running."""
    for name, text in {"aws": AWS, "curl": '#!/bin/sh\necho "curl $*" >>"$CALLS"\n'}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("FAILURE", "None")
    return tmp_path / "calls"


def deploy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(DIRECTORY / "deploy.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def words(calls: Path) -> list[str]:
    """Say what each call does."""
    known = {
        "Function=migrate": "deploy migrate",
        " invoke ": "migrate",
        "Function=web": "deploy web",
        "curl": "check",
    }
    return [
        word
        for line in calls.read_text().splitlines()
        for part, word in known.items()
        if part in line
    ]


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        ("s3://bucket/app/1.zip", "Bucket=bucket Key=app/1.zip Image= Secret=app"),
        (
            "1.dkr.ecr.eu-central-1.amazonaws.com/app:v1",
            "Bucket= Key= Image=1.dkr.ecr.eu-central-1.",
        ),
    ],
)
def test_the_database_is_migrated_first(code: str, parameters: str, calls: Path) -> None:
    done = deploy("app", code, "Secret=app")
    assert (done.returncode, done.stderr) == (0, "")
    assert words(calls) == ["deploy migrate", "migrate", "deploy web", "check"]
    assert calls.read_text().count(parameters) == 2
    assert "https://api.example.com/health/ready" in calls.read_text()


def test_a_failed_migration_leaves_the_service_as_it_is(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILURE", "Unhandled")
    done = deploy("app", "s3://bucket/app/1.zip")
    assert done.returncode == 1
    assert "reason\nThe migration failed. The service is as before." in done.stderr
    assert words(calls) == ["deploy migrate", "migrate"]


def test_missing_arguments_are_explained(calls: Path) -> None:
    done = deploy("app")
    assert done.returncode == 2
    assert "deploy.sh STACK s3://BUCKET" in done.stderr
    assert not calls.exists()
