"""Strict generators accept the API's schema without warnings, and the clients that they make work."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.owner import replace
from tests.postgres import Server
from tests.projects import PYTHON, UV, Project, Service, ask, in_production, set_up, token_of_superuser
from tests.tools import commit_all, made_once, render, run, shared

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clients")]

BIN = Path(sys.executable).parent
HERE = Path(__file__).with_name("clients")
PYTHON_GENERATOR = "openapi-python-client==0.29.1"
SCHEMA = "import json; from {}.main import app; print(json.dumps(app.openapi()))"


def python_client(schema: Path, directory: Path) -> Path:
    """The environment of a generated client, whose package `service_client` is in the directory."""

    def install(place: Path) -> None:
        run(UV, "venv", "--quiet", place)
        run(UV, "pip", "install", "--quiet", "--python", place, PYTHON_GENERATOR)

    environment = made_once(shared() / "clients" / "python", install)
    (directory / "config.yml").write_text("package_name_override: service_client\n")
    run(
        *(environment / "bin" / "openapi-python-client", "generate", "--fail-on-warning", "--meta=none"),
        *("--path", schema, "--config", directory / "config.yml", "--output-path", directory / "service_client"),
        env={"PATH": f"{BIN}:/usr/bin:/bin"},  # it formats with Ruff
    )
    return environment


def typescript_client(schema: Path, directory: Path) -> None:
    """Write the types of a client to the directory, in which TypeScript and the client's package are installed."""

    def install(place: Path) -> None:
        place.mkdir()
        for name in ("package.json", "package-lock.json"):
            (place / name).write_bytes((HERE / name).read_bytes())
        run(BIN / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=place)

    packages = made_once(shared() / "clients" / "typescript", install) / "node_modules"
    (directory / "node_modules").symlink_to(packages)
    program = packages / "openapi-typescript" / "bin" / "cli.js"
    options = ("--default-non-nullable", "false", "--output", directory / "schema.d.ts")
    printed = run(BIN / "node", program, schema, *options, cwd=directory)
    assert "🚀" in printed
    assert "⚠" not in printed


@pytest.fixture(scope="module")
def service(template: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("clients")
    with in_production(template, "fastapi", directory, postgres, auth="jwt") as service:
        service.project.poe("seed", DATABASE_URL=service.variables["DATABASE_URL"])
        yield service


@pytest.fixture
def schema(service: Service, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(ask(f"{service.url}/api/openapi.json").body)
    return path


@pytest.mark.option("jwt")
def test_a_generated_python_client_is_typed_and_works(service: Service, schema: Path, tmp_path: Path) -> None:
    environment = python_client(schema, tmp_path)
    program = tmp_path / "use.py"
    program.write_bytes((HERE / "use.py").read_bytes())
    python = environment / "bin" / "python"
    mypy = (BIN / "mypy", "--strict", "--follow-imports=silent", "--python-executable", python)
    run(*mypy, "--cache-dir", tmp_path / "types", program, cwd=tmp_path)
    run(python, program, service.url, cwd=tmp_path)


@pytest.mark.option("jwt")
def test_a_generated_typescript_client_is_typed_and_works(service: Service, schema: Path, tmp_path: Path) -> None:
    typescript_client(schema, tmp_path)
    for name in ("use.ts", "tsconfig.json", "package.json"):
        (tmp_path / name).write_bytes((HERE / name).read_bytes())
    run(BIN / "node", "node_modules/typescript/bin/tsc", cwd=tmp_path)
    run(BIN / "node", "use.ts", service.url, cwd=tmp_path)


@pytest.mark.in_turn
@pytest.mark.option("ninja", "drf")
@pytest.mark.parametrize("api", ["ninja", "drf"])
def test_clients_of_djangos_apis_are_typed_and_work(api: str, template: Path, postgres: Server, tmp_path: Path) -> None:
    answers = {"api": api, "login": "django", "admin": "stock"}
    with in_production(template, "django", tmp_path, postgres, **answers) as service:
        token = token_of_superuser(service)
        schema = tmp_path / "openapi.json"
        schema.write_bytes(ask(f"{service.url}/api/openapi.json").body)
        python = python_client(schema, tmp_path) / "bin" / "python"
        program = HERE / f"use_{api}.py"
        (tmp_path / program.name).write_bytes(program.read_bytes())
        mypy = (BIN / "mypy", "--strict", "--follow-imports=silent", "--python-executable", python)
        run(*mypy, "--cache-dir", tmp_path / "types", program.name, cwd=tmp_path)
        run(python, program.name, service.url, token, cwd=tmp_path)
        typescript_client(schema, tmp_path)
        for name in ("use_django.ts", "tsconfig.json", "package.json"):
            (tmp_path / name).write_bytes((HERE / name).read_bytes())
        run(BIN / "node", "node_modules/typescript/bin/tsc", cwd=tmp_path)
        run(BIN / "node", "use_django.ts", service.url, token, cwd=tmp_path)


@pytest.mark.parametrize("auth", ["none", "oidc"])
def test_generators_accept_the_schema_without_accounts_of_its_own(auth: str, template: Path, tmp_path: Path) -> None:
    project = set_up(render(template, tmp_path / "service", framework="fastapi", auth=auth))
    schema = tmp_path / "openapi.json"
    schema.write_text(project.run("python", "-c", SCHEMA.format(project.package.name), ENV_FILE=".env.test"))
    python_client(schema, tmp_path)
    typescript_client(schema, tmp_path)


APIS = {
    "fastapi": {"framework": "fastapi", "auth": "none"},
    "ninja": {"framework": "django", "api": "ninja"},
    "drf": {"framework": "django", "api": "drf"},
}
SCHEMAS, SERIALIZERS = Path("items", "schemas.py"), Path("items", "serializers.py")


@pytest.fixture(scope="module", params=list(APIS))
def committed(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    path = tmp_path_factory.mktemp("committed") / "service"
    project = set_up(render(template, path, **APIS[request.param]))
    commit_all(path, "Start", init=True)
    return project


def check_schema(project: Project, code: int) -> str:
    """Run the pipeline's comparison with the branch to merge into."""
    commit_all(project.path, "A change")
    command = re.search(r"poe (schema --since \S+)", (project.path / ".github/workflows/check.yml").read_text())
    assert command
    uv = {"PATH": f"{project.variables['PATH']}:{BIN}", "UV_PYTHON": PYTHON}
    printed = project.poe(*command[1].split(), code=code, **uv)
    assert run("git", "worktree", "list", cwd=project.path).count("\n") == 1
    return printed


@pytest.mark.option("ninja", "drf")
def test_the_pipeline_finds_what_breaks_clients(committed: Project, tmp_path: Path) -> None:
    project = committed.copy(tmp_path / "service")
    if (project.package / SERIALIZERS).exists():
        replace(project.package / SERIALIZERS, ', "updated_at"', "")
    else:
        replace(project.package / SCHEMAS, "    updated_at: Time\n", "")
    printed = check_schema(project, code=1)
    assert "may break clients" in printed
    assert "- GET /api/v1/items/{item_id}, 200.updated_at: was removed" in printed


@pytest.mark.option("ninja", "drf")
def test_the_pipeline_permits_what_breaks_no_clients(committed: Project, tmp_path: Path) -> None:
    project = committed.copy(tmp_path / "service")
    if (project.package / SERIALIZERS).exists():
        old = "    limit = serializers.IntegerField(default=20"
        replace(project.package / "serializers.py", old, f'    colour = serializers.CharField(default="red")\n{old}')
    else:
        old = "    quantity: Quantity = 0\n"
        replace(project.package / SCHEMAS, old, f"{old}    colour: Description = 'red'\n")
    assert "may break clients" not in check_schema(project, code=0)


@pytest.mark.option("jwt")
def test_every_field_has_an_example(schema: Path) -> None:
    """Or its type says all: a reference, a constant, one of some values, or a list of others."""
    schemas = json.loads(schema.read_text())["components"]["schemas"]
    assert schemas.pop("Problem")["examples"][0]["status"] == 404
    fields = {f"{model}.{name}": field for model, body in schemas.items() for name, field in body["properties"].items()}
    assert len(fields) > 40
    assert [name for name, field in fields.items() if not says_all(field)] == []


def says_all(field: dict[str, Any]) -> bool:
    is_reference = any("$ref" in each for each in (field, field.get("items", {}), *field.get("anyOf", [])))
    return is_reference or bool(field.keys() & {"examples", "const", "enum"})
