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
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
LIVE = ["publish", "wait", "try", "go live", "check"]
AWS = """#!/bin/sh
echo "aws $* attempts=${AWS_MAX_ATTEMPTS-}" >>"$CALLS"
case "$*" in
*" invoke "*migrate*) for answer in "$@"; do :; done; echo reason >"$answer"; echo "$FAILURE"; exit "$LOST" ;;
*" invoke "*) for answer in "$@"; do :; done; echo "{\\"statusCode\\": $STATUS}" >"$answer"; echo None ;;
*publish-version*) echo 7 ;;
*describe-stacks*) echo https://api.example.com ;;
esac
"""
CURL = """#!/bin/sh
echo "curl $*" >>"$CALLS"
exit "$UNREADY"
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
    [values] = re.findall(r"AllowedValues: \[(web, .+)\]", TEMPLATE)
    functions = values.split(", ")
    for name in re.findall(r'!Sub "([\w.$\{\}]+)\.handler"', TEMPLATE):
        for function in functions:
            path = name.replace("${Function}", function).replace(".", "/")
            assert (ROOT / f"{path}.py").exists()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which commands record their calls in place of running."""
    checksum = "#!/bin/sh\nprintf %064d 1\n"
    for name, text in {"aws": AWS, "curl": CURL, "sha256sum": checksum}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("FAILURE", "None")
    monkeypatch.setenv("UNREADY", "0")
    monkeypatch.setenv("LOST", "0")
    monkeypatch.setenv("STATUS", "200")
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    return tmp_path / "calls"


def deploy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(DIRECTORY / "deploy.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def words(calls: Path) -> list[str]:
    """Say what each call does."""
    known = {
        " s3 cp ": "upload",
        "Function=migrate": "deploy migrate",
        "--payload {": "migrate",
        "Function=web": "deploy web",
        "publish-version": "publish",
        "wait published-version-active --function-name app --qualifier 7": "wait",
        "--function-name app:7 ": "try",
        "--parameter-overrides Version=": "go live",
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
    assert words(calls) == ["deploy migrate", "migrate", "deploy web", *LIVE]
    assert calls.read_text().count(parameters) == calls.read_text().count("Function=") >= 2
    assert "https://api.example.com/health/ready" in calls.read_text()


@pytest.mark.parametrize("place", ["s3://bucket", "s3://bucket/", "s3://bucket/functions"])
def test_a_new_archive_is_uploaded_first(place: str, calls: Path) -> None:
    done = deploy("app", place)
    assert words(calls) == ["upload", "deploy migrate", "migrate", "deploy web", *LIVE]
    name = f"{place.rstrip('/')}/app/{1:064}.zip"
    assert done.stdout.startswith(f"The archive is {name}\n")
    assert calls.read_text().count(f" Key={name.removeprefix('s3://bucket/')} Image=") >= 2


def test_a_migration_is_not_repeated(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if the connection is lost on which its result would arrive."""
    monkeypatch.setenv("LOST", "255")
    done = deploy("app", "s3://bucket/app/1.zip")
    assert done.returncode == 1
    assert "The migration may still be running." in done.stderr
    assert words(calls) == ["deploy migrate", "migrate"]
    assert calls.read_text().endswith("attempts=1\n")
    assert "--cli-read-timeout 900 " in calls.read_text()


@pytest.mark.parametrize("status", ["500", "503"])
def test_a_version_that_fails_gets_no_requests(
    status: str, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATUS", status)
    done = deploy("app", "s3://bucket/app/1.zip")
    assert done.returncode == 1
    assert "Version 7 is not ready, so it gets no requests." in done.stderr
    assert words(calls)[-3:] == ["publish", "wait", "try"]


def test_an_earlier_version_is_back_at_once(calls: Path) -> None:
    done = deploy("app", "6")
    assert (done.returncode, done.stderr) == (0, "")
    assert words(calls) == ["go live", "check"]
    assert "--parameter-overrides Version=6 " in calls.read_text()


def test_each_alarm_has_a_runbook() -> None:
    alarms = re.findall(r"^  (\w+):.*\n    Type: AWS::CloudWatch::Alarm$", TEMPLATE, re.MULTILINE)
    assert "Errors" in alarms
    assert alarms == [
        title
        for title in re.findall(r"^## (.+)$", RUNBOOKS, re.MULTILINE)
        if title != "Data is gone"  # nothing measures it
    ]
    links = re.findall(r"AlarmDescription: .* See docs/runbooks\.md#(\w+)$", TEMPLATE, re.MULTILINE)
    assert links == [alarm.lower() for alarm in alarms]


def test_a_version_that_is_not_ready_is_reported(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNREADY", "22")
    done = deploy("app", "s3://bucket/app/1.zip")
    assert done.returncode == 1
    assert "Version 7 is deployed to https://api.example.com, but not ready. To roll" in done.stderr
    assert words(calls)[-1] == "check"


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
    assert "sh deploy.sh STACK s3://BUCKET" in done.stderr
    assert not calls.exists()
