"""extensions/options.yml: its form, and what a project makes of the variables that production requires."""

import copy
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from packaging.requirements import InvalidRequirement, Requirement
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
)

from tests.matrix import Row, described, has, model, title
from tests.owner import replace
from tests.projects import Project, set_up
from tests.tools import FRAMEWORKS, LANDED, OPTIONS, ROOT, commit_all, questions_in, render, render_anew, run

PROMPT = 38  # characters of a message that a prompt of 80 columns shows


def reads_back(text: str) -> str:
    """Refuses a word that is no string in YAML."""
    if yaml.safe_load(text) != text:
        raise ValueError("YAML reads it as another type")
    return text


def of(pattern: str) -> Any:
    """The type of a string that matches."""
    return StringConstraints(pattern=f"^{pattern}$", min_length=1)


Text = Annotated[str, of(".*")]  # one line
Cell = Annotated[str, of(r"[^|\n]*")]  # of a table in Markdown
Value = Annotated[str, of(r'[^$"`\\\n]*')]  # no shell, TOML, poe or GitLab changes it between double quotes
Line = Annotated[str, of(r"[^\\\n]*")]  # a shell's, which GitHub has between double quotes
PLAIN = AfterValidator(reads_back)
Name = Annotated[str, of("[a-z][a-z0-9_]*"), PLAIN]
Variable = Annotated[str, of("[A-Z][A-Z0-9_]*"), PLAIN]
Image = Annotated[str, of(r"[a-z][\w./-]*:[\w.-]+"), PLAIN]
Packages = dict[Text, Text]
Module = Annotated[str, of(r"(\{slug\}\.)?[A-Za-z_][\w.]*")]
Prefix = Annotated[str, StringConstraints(pattern=r"^([a-z-]+/)*([a-z-]+\.xml)?$")]


class Strict(BaseModel):
    """Other keys and other types are refused: YAML reads `on`, `1.0` and an empty value as no strings."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Secret(Strict):
    help: Text
    command: Text | None = None
    example: Value | None = None


class Described(Strict):
    default: Cell
    production: Cell
    example: Text | None = None
    secret: Secret | None = None
    test: Value | None = None


class Service(Strict):
    image: Image
    port: int = Field(ge=1, le=65535)
    ready: Line
    variable: Variable
    url: Annotated[Value, of(r".*\{host\}.*")]
    environment: dict[Variable, Value] = {}


class Page(Strict):
    file: Annotated[str, of(r"[a-z-]+\.md")]
    title: Text
    about: Text


class Included(Strict):
    environment: dict[Variable, Text] = {}
    needed: list[Name] = []


class Facts(Strict):
    packages: Packages = {}
    tools: Packages = {}
    load: Packages = {}
    variables: dict[Variable, Described] = {}
    settings: dict[
        Annotated[str, of(r"\.?[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")], Annotated[str, of("[A-Z][A-Za-z]*")]
    ] = {}
    services: dict[Name, Service] = {}
    outgoing: dict[Name, list[int]] = {}
    apps: list[Module] = []
    middleware: list[Module] = []
    urls: dict[Prefix, Module] = {}
    commands: dict[Name, Text] = {}
    includes: dict[Text, Included] = {}
    page: Page | None = None


class Default(Strict):
    value: Name | bool | list[Name]
    text: Text | None = None  # without it, the list of features leaves it out
    framework: Name | None = None
    answers: dict[Name, list[Name | bool]] = {}
    because: Text | None = None
    closed: Text | None = None  # the text if nobody can sign up


class Option(Facts):
    name: Name | None = None
    excludes: dict[Name, Text] = {}
    requires: dict[Name, Text] = {}


class ByFramework(Strict):
    django: Option
    fastapi: Option


def form_of(fact: Any) -> str:
    """Whether the facts about an answer depend on the framework."""
    return "by framework" if isinstance(fact, dict) and {"django", "fastapi"} & fact.keys() else "same"


Answer = Annotated[Annotated[ByFramework, Tag("by framework")] | Annotated[Option, Tag("same")], Discriminator(form_of)]


class File(Strict):
    versions: dict[Name, Text]
    always: Facts
    options: dict[Name, dict[Name | bool, Answer]]
    combinations: dict[Name, list[list[Text]]]
    defaults: dict[Name, list[Default]]
    before: dict[Name, Name | bool | list[Name] | dict[Name, Name]]  # also by framework


def problems(facts: dict[str, Any]) -> list[str]:
    """What is wrong with the facts: a line each, which begins with the place."""
    try:
        file = File.model_validate(facts)
    except ValidationError as error:
        return [
            f"{'.'.join(str(part) for part in each['loc'] if part != 'same')}: {each['msg']}" for each in error.errors()
        ]
    named = {
        option.name or (question if isinstance(answer, bool) else answer): (place, option)
        for question, answers in file.options.items()
        for answer, fact in answers.items()
        for place, option in placed(f"options.{question}.{answer}", fact)
    }
    found = [*of_kind("always", file.always)]
    for name, (place, option) in named.items():
        found += of_kind(place, option)
        for other, why in option.excludes.items():
            if other not in named:
                found.append(f"{place}.excludes.{other}: no option has this name")
            text = f"Not with {max(name, other, key=len)}: {why}"
            if len(text) > PROMPT:
                found.append(f"{place}.excludes.{other}: a prompt shows {PROMPT} of its {len(text)} characters: {text}")
        questions = [*file.options]
        for other, why in option.requires.items():
            text = f"Needs {other}: {why}"
            if other not in named or questions.index(question_of(named[other][0])) >= questions.index(
                question_of(place)
            ):
                found.append(f"{place}.requires.{other}: no option of an earlier question has this name")
            if len(text) > PROMPT:
                found.append(f"{place}.requires.{other}: a prompt shows {PROMPT} of its {len(text)} characters: {text}")
    for question, answer in file.before.items():
        if question not in file.options:
            found.append(f"before.{question}: no question has this name")
            continue
        known = {*file.options[question], "none", False}
        found += [
            f"before.{question}: {each} is no answer"
            for each in (
                answer if isinstance(answer, list) else answer.values() if isinstance(answer, dict) else [answer]
            )
            if each not in known
        ]
    for combination, lists in file.combinations.items():
        unknown = {part.removeprefix("not ") for parts in lists for part in parts} - named.keys()
        found += [f"combinations.{combination}: no option has the name {part}" for part in sorted(unknown)]
    return found


def placed(place: str, fact: Option | ByFramework) -> list[tuple[str, Option]]:
    """The options of an answer, with their places."""
    if isinstance(fact, Option):
        return [(place, fact)]
    return [(f"{place}.django", fact.django), (f"{place}.fastapi", fact.fastapi)]


def question_of(place: str) -> str:
    """The question of an option by its place: `options.question.answer`."""
    return place.split(".")[1]


def of_kind(place: str, facts: Facts) -> Iterator[str]:
    """The problems of the facts of one option."""
    for kind, packages in {"packages": facts.packages, "tools": facts.tools, "load": facts.load}.items():
        for package, versions in packages.items():
            try:
                bounds = sorted(each.operator for each in Requirement(package + versions).specifier)
            except InvalidRequirement:
                bounds = []
            if bounds != ["<", ">="]:
                yield f"{place}.{kind}.{package}: must be a range such as >=1.2,<2"
            if '"' in package + versions:
                yield f"{place}.{kind}.{package}: use single quotes"
    led_to = {service.variable for service in facts.services.values()}
    for name, variable in facts.variables.items():
        required = variable.production.startswith("required:")
        if required and name not in led_to and variable.test is None:
            yield f"{place}.variables.{name}.test: production requires the variable, so its checks need a value"
        if variable.test is not None and (not required or name in led_to):
            yield f"{place}.variables.{name}.test: only for a required variable that no service leads to"


def test_the_facts_have_their_form() -> None:
    assert problems(OPTIONS) == []


WELL_FORMED: dict[str, Any] = yaml.safe_load("""
cache:
  valkey:
    packages: {valkey: ">=6,<7"}
    variables:
      CACHE_URL: {default: none, production: "required: a cache"}
      CACHE_KEY: {default: none, production: "required: a key", test: key}
    settings: {cache_settings: CacheSettings}
    services:
      valkey: {image: "valkey/valkey:8", port: 6379, ready: valkey-cli ping, variable: CACHE_URL, url: "valkey://{host}"}
    apps: [valkey, "{slug}.cache"]
    middleware: ["{slug}.cache.CacheMiddleware"]
    urls: {"": valkey.urls, cache/: "{slug}.cache.urls"}
    page: {file: cache.md, title: Cache, about: what it keeps}
    excludes: {kubernetes: unproven}
""")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("services.valkey.ready", True, "services.valkey.ready: Input should be a valid string"),
        ("services.valkey.port", "6379", "services.valkey.port: Input should be a valid integer"),
        ("services.valkey.image", None, "services.valkey.image: Input should be a valid string"),
        ("services.valkey.url", "valkey://localhost", "services.valkey.url: String should match"),
        ("services.valkey.environment", {"LEVEL": 1.0}, "services.valkey.environment.LEVEL: Input should be a valid"),
        ("services.valkey.environment", {"LEVEL": "$x"}, "services.valkey.environment.LEVEL: String should match"),
        ("services", {"no": {}}, "services.no.[key]: Value error, YAML reads it as another type"),
        ("services", {"valkey": {}}, "services.valkey.image: Field required"),
        ("variables.CACHE_KEY.exmaple", "x", "variables.CACHE_KEY.exmaple: Extra inputs are not permitted"),
        ("variables.CACHE_KEY.production", "a|b", "variables.CACHE_KEY.production: String should match"),
        ("variables.CACHE_KEY.test", 'a"b', "variables.CACHE_KEY.test: String should match"),
        ("variables.CACHE_KEY.test", None, "variables.CACHE_KEY.test: production requires the variable"),
        ("variables.CACHE_KEY.production", "a key", "variables.CACHE_KEY.test: only for a required variable"),
        ("variables.CACHE_URL.test", "x", "variables.CACHE_URL.test: only for a required variable"),
        ("packages.valkey", ">six", "packages.valkey: must be a range such as"),
        ("packages.valkey", ">=6", "packages.valkey: must be a range such as"),
        ("packages.valkey", '>=6; python_version > "3"', "packages.valkey: use single quotes"),
        ("apps", ["{package}.cache"], "apps.0: String should match"),
        ("apps", "{slug}.cache", "apps: Input should be a valid list"),
        ("middleware", ["cache/middleware"], "middleware.0: String should match"),
        ("urls", {"/cache": "valkey.urls"}, "urls./cache.[key]: String should match"),
        ("urls", {"cache/": None}, "urls.cache/: Input should be a valid string"),
        ("excludes", {"kubernets": "x"}, "excludes.kubernets: no option has this name"),
        ("excludes.kubernetes", "its manifests do not start one", "excludes.kubernetes: a prompt shows 38 of its 51"),
        ("exclude", {}, "exclude: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_named_with_its_place(path: str, value: object, said: str) -> None:
    facts = copy.deepcopy(OPTIONS)
    facts["options"] |= copy.deepcopy(WELL_FORMED)
    assert problems(facts) == []
    *parents, key = path.split(".")
    place = facts["options"]["cache"]["valkey"]
    for parent in parents:
        place = place[parent]
    place[key] = value
    assert any(line.startswith(f"options.cache.valkey.{said}") for line in problems(facts)), problems(facts)


def test_a_mistake_outside_an_option_is_named() -> None:
    facts = copy.deepcopy(OPTIONS)
    facts["combinations"]["nginx"] = [["compose", "not djano"]]
    assert problems(facts) == ["combinations.nginx: no option has the name djano"]
    facts["versions"]["python"] = 3.13
    assert problems(facts) == ["versions.python: Input should be a valid string"]


def test_every_new_question_says_what_older_projects_get() -> None:
    """Those of versions that had not asked it: an update brings no option by itself."""
    past = questions_in(run("git", "show", f"{LANDED[0]}:copier.yml", cwd=ROOT))
    new = {*OPTIONS["options"]} - past.keys()
    assert {*OPTIONS["before"]} == new, "see CONTRIBUTING.md, Add an option, step 2"


def test_what_older_projects_get_is_named_by_question_and_answer() -> None:
    facts = copy.deepcopy(OPTIONS)
    facts["before"] = {"servers": "gunicorn", "server": "gunicron", "target": ["compose"], "ci": "none"}
    assert problems(facts) == [
        "before.servers: no question has this name",
        "before.server: gunicron is no answer",
    ]


# --- Variables that production requires ---------------------------------------------------------------------------


def required(row: Row) -> set[str]:
    """The variables that production requires of a project, as its documentation says."""
    selected = [fact for _, *option, fact in described(OPTIONS["options"]) if has(row, *option)]
    return {
        name
        for fact in (OPTIONS["always"], *selected)
        for name, variable in fact.get("variables", {}).items()
        if variable["production"].startswith("required:")
    }


def rows() -> list[Row]:
    """Rows that together require every variable of each framework; each has a smoke test."""
    chosen: list[Row] = []
    for row in model().rows():
        similar = [other for other in chosen if other["framework"] == row["framework"]]
        if row["ci"] != "none" and not any(required(row) <= required(other) for other in similar):
            chosen.append(row)
    return chosen


def smoke_test(project: Path) -> dict[str, str]:
    """The variables with which the smoke test starts the service."""
    script = (project / "deploy" / "pipeline" / "smoke.sh").read_text()
    words = shlex.split(script.partition("\nservice() {")[2].partition("\n}")[0])
    return dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "--env")


def complaints(project: Project, variables: dict[str, str]) -> list[str]:
    """The variables that the service names when it refuses to start."""
    printed = project.poe("--quiet", "environment", code=1, ENV_FILE=".env.test", **variables)
    return [line.partition(":")[0] for line in printed.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(), ids=title)
def test_the_service_requires_what_the_facts_say(template: Path, tmp_path: Path, row: Row) -> None:
    project = set_up(render(template, tmp_path / "service", **row))
    variables = smoke_test(project.path)
    project.poe("environment", code=0, ENV_FILE=".env.test", **variables)
    for name in required(row):
        assert complaints(project, {key: value for key, value in variables.items() if key != name}) == [name]


# A made-up option. Values that YAML would read otherwise, and a command with quotes.
QUESTION = """
vault:
  type: bool
  when: "{{ framework != 'neither' }}"
  help: Does it use a vault?
  default: false
  validator: "{% from 'extensions/options.jinja' import refused %}{{ refused('vault', vault, _copier_answers) }}"

# --- Computed"""
FACTS = """
  vault:
    true:
      variables:
        VAULT_URL: {default: none, production: "required: a vault"}
        VAULT_KEY: {default: none, production: "required: a key", test: "key: #1"}
      settings: {vault_settings: VaultSettings}
      services:
        vault:
          image: example/vault:1
          environment: {SEALED: "yes", LIMIT: "1e3", OWNER: "a: b #c", EMPTY: "~", TEXT: "it's"}
          port: 1234
          ready: vault --eval "'ready' in status"
          variable: VAULT_URL
          url: "vault://{host}:1234/#x: y"

# Combinations, for files"""
SETTINGS = '''\
"""The variables of the vault."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator


class VaultSettings(BaseModel):
    """Where the vault is."""

    vault_url: str = ""
    vault_key: str = Field(default="", repr=False)

    @field_validator("vault_url", "vault_key")
    @classmethod
    def _production_has_a_vault(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("environment") == "production":
            raise ValueError("required in production")
        return value
'''


@pytest.fixture(scope="module")
def extended(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with the option."""
    clone = tmp_path_factory.mktemp("extended") / "template"
    run("git", "clone", "--quiet", template, clone)
    replace(clone / "copier.yml", "\n# --- Computed", QUESTION)
    replace(clone / "extensions" / "options.yml", "\n# Combinations, for files", FACTS)
    for framework in FRAMEWORKS:
        core = clone / f"template_{framework}" / "{{ has.vault }}" / "{{ slug }}" / "core"
        core.mkdir(parents=True)
        (core / "vault_settings.py").write_text(SETTINGS)
    commit_all(clone, "Add a vault")
    return clone


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_option_requires_variables(extended: Path, tmp_path: Path, framework: str) -> None:
    """The service checks them, and all checks as in production set them."""
    project = set_up(render_anew(extended, tmp_path / "service", framework=framework, vault=True))
    variables = smoke_test(project.path)
    assert variables["VAULT_KEY"] == "key: #1"
    assert variables["VAULT_URL"] == "vault://$run-vault:1234/#x: y"
    project.poe("environment")
    project.poe("environment", code=0, **variables)
    without = {name: value for name, value in variables.items() if not name.startswith("VAULT_")}
    assert complaints(project, without) == ["VAULT_URL", "VAULT_KEY"]
    assert {"VAULT_URL", "VAULT_KEY", "ALLOWED_HOSTS"} <= set(complaints(project, {"ENVIRONMENT": "production"}))
    project.poe("lint")
    project.poe("types")
    project.run("pytest", "-q", "tests/core/test_environment.py")
    if framework == "django":
        project.run("pytest", "-q", "tests/core/test_secret_key.py")
        tasks = tomllib.loads((project.path / "poe_tasks.toml").read_text())["tasks"]
        (deployment,) = (step for step in tasks["check"]["sequence"] if "--deploy" in str(step))
        project.run(*shlex.split(deployment["cmd"]), **deployment["env"])
        project.run(*shlex.split(deployment["cmd"]), code=1, **deployment["env"] | {"VAULT_KEY": ""})


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_service_reaches_pipelines_as_it_is_described(extended: Path, tmp_path: Path, ci: str) -> None:
    project = render_anew(extended, tmp_path / "service", framework="fastapi", ci=ci, vault=True)
    facts = yaml.safe_load(FACTS.rpartition("#")[0])["vault"][True]["services"]["vault"]
    smoke = (project / "deploy" / "pipeline" / "smoke.sh").read_text()
    assert f"sh -c {shlex.quote(facts['ready'])}\n" in smoke
    for name, value in facts["environment"].items():
        assert f"--env {shlex.quote(f'{name}={value}')} " in smoke
    if ci == "github":
        job = yaml.safe_load((project / ".github" / "workflows" / "check.yml").read_text())["jobs"]["postgresql"]
        assert job["env"]["VAULT_URL"] == facts["url"].replace("{host}", "127.0.0.1")
        service = job["services"]["vault"]
        assert service["env"] == facts["environment"]
        assert shlex.split(service["options"])[:2] == ["--health-cmd", facts["ready"]]
    else:
        job = yaml.safe_load((project / ".gitlab-ci.yml").read_text())["postgresql"]
        assert job["variables"].items() >= facts["environment"].items()
        assert job["variables"]["VAULT_URL"] == facts["url"].replace("{host}", "vault")
        assert {"name": facts["image"], "alias": "vault"} in job["services"]
