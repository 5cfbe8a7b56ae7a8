"""The image as AWS Lambda runs it: with another entry point, as any user, without a writable directory but /tmp."""

import contextlib
import importlib.util
import json
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.engine import HARDENED, Engine
from tests.postgres import Server
from tests.projects import MAIL, without_tags
from tests.tools import render

pytestmark = [pytest.mark.in_turn, pytest.mark.slow, pytest.mark.option("serverless")]


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "service"
    return render(template, path, framework="fastapi", slug="service", target=["serverless"], auth="jwt")


@pytest.fixture
def image(engine: Engine, project: Path) -> Iterator[str]:
    name = f"groundplan-lambda-{os.getpid()}"
    engine.build(project, name)
    yield name
    engine.run("rmi", "--force", name)


@contextlib.contextmanager
def function(engine: Engine, project: Path, image: str, handler: str, url: str) -> Iterator[Any]:
    """The image with the entry point of template.yaml; gives Lambda's side, as the project's tests have it."""
    spec = importlib.util.spec_from_file_location("function", project / "tests" / "core" / "function.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    template = yaml.safe_load(without_tags((project / "deploy" / "serverless" / "template.yaml").read_text()))
    _, config, _ = template["Resources"]["Lambda"]["Properties"]["ImageConfig"]
    program, *arguments = config["EntryPoint"]
    with module.Runtime() as runtime:
        thread = threading.Thread(target=runtime.serve_forever)
        thread.start()
        variables = MAIL | {
            "AWS_LAMBDA_RUNTIME_API": runtime.address,
            "ENVIRONMENT": "production",
            "ALLOWED_HOSTS": module.HOST,
            "DATABASE_URL": url,
            "SECRET_KEY": secrets.token_urlsafe(60),
        }
        given = [f"--env={name}={value}" for name, value in variables.items()]
        place = ["--network=host", "--user=993:990", f"--workdir={config['WorkingDirectory']}"]
        options = [*HARDENED, *given, *place, f"--entrypoint={program}"]
        try:
            with engine.container(image, *arguments, f"service.serverless.{handler}.handler", options=options):
                yield runtime
        finally:
            runtime.shutdown()
            thread.join()


def test_lambda_migrates_and_answers_requests(engine: Engine, project: Path, image: str, postgres: Server) -> None:
    url = postgres.create("lambda")
    request = json.loads((project / "tests" / "core" / "events" / "http-api.json").read_text())
    with function(engine, project, image, "migrate", url) as migrate:
        assert "answers no requests" in migrate.invoke(request)
        assert migrate.invoke({"upgrade": "head"}) == {"status": "ok"}
    with function(engine, project, image, "web", url) as web:
        ready = json.loads((project / "deploy" / "serverless" / "ready.json").read_text())
        assert web.invoke(ready)["statusCode"] == 200  # deploy.sh asks for no more
        for path, status in (("/health/ready", 200), ("/api/v1/items", 200), ("/api/v1/items/1", 404)):
            request["rawPath"] = request["requestContext"]["http"]["path"] = path
            assert web.invoke(request)["statusCode"] == status, path
        held = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'lambda' AND pid != pg_backend_pid()"
        assert postgres.query(held, url).strip() == "0"
    with function(engine, project, image, "mail", url) as mail:
        assert mail.invoke({}) == {"status": "ok"}  # of an address without an account
