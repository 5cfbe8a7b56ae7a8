SERVICE, TAKEN = "services.py", "an installed app has this label"
MIGRATE = "poe migrations"


def registrations(resource: Names) -> dict[str, list[str]]:
    """Return the lines and entries with which files of the package name a resource."""
    package, name = PACKAGE.name, resource.plural
    pages = [f'path("{name}/", include("{package}.{name}.urls"))']
    # Of ADMIN_GROUPS, if the groups of the admin have any.
    permissions = [f'"{name}.{each}_{resource.model.lower()}"' for each in PERMISSIONS]
    settings = read(PACKAGE / "settings.py")
    return {
        "settings.py": [f'"{package}.{name}"', *(each for each in permissions if each in settings)],
        "api.py": [
            f"from .{name}.api import router as {name}",
            f'api.add_router("/{name}", {name})',
        ],
        **({"pages.py": pages} if (PACKAGE / name / "urls.py").exists() else {}),
    }


def columns(new: Names, parent: Names, body: str, _: str) -> list[tuple[str, str, str]]:
    """Return which text in which files shows the foreign key: a pattern, and its replacement."""
    one, label = parent.singular, parent.text.capitalize()
    model = f"{parent.plural}.{parent.model}"
    page, row = (
        f"{new.model.lower()}_detail.html",
        r"\n( *<div><dt>)\w+(</dt><dd>\S+ \w+\.)\w+( \S+</dd>.*)",
    )
    return [
        (
            "models.py",
            body,
            rf'\1    {one} = models.ForeignKey("{model}", on_delete=models.PROTECT)\n',
        ),
        (
            "admin.py",
            r"\n    list_display = \((.*?), ",
            rf'\n    autocomplete_fields = ("{one}",)\g<0>"{one}", ',
        ),
        ("forms.py", r"\n        fields = \(", rf'\g<0>"{one}", '),
        (page, row, rf"\n\g<1>{label}\g<2>{one}\g<3>\g<0>"),
    ]


def fixture_imports(parent: Names) -> list[str]:
    return [f"from {PACKAGE.name}.{parent.plural}.models import {parent.model}"]


def fixture_of(parent: Names, values: dict[str, object], arguments: str) -> str:
    created = "".join(f", {name}={value!r}" for name, value in values.items())
    return f"""@pytest.fixture(autouse=True)
def {parent.singular}(db: None{arguments}) -> {parent.model}:
    return {parent.model}.objects.create(pk=1{created})
"""


def reference_test(new: Names, parent: Names, values: object, addresses: list[str]) -> str:
    """Return a test of the foreign key."""
    key = f"{parent.singular}_id"
    wrong = {key: 2}
    return f"""

def test_{new.plural}_refer_to_{parent.plural}(client: Client) -> None:
    values = {values}
    created = client.post("{addresses[0]}", values, "application/json")
    assert (created.status_code, created.json()["{key}"]) == (201, 1)
    assert client.delete("{addresses[1]}/1").status_code == 409
    missing = client.patch(created["Location"], {wrong}, "application/json")
    assert missing.status_code == 422
    assert missing.json()["detail"] == "{parent.text.capitalize()} not found."
"""


def taken() -> set[str]:
    """Return the labels of the installed apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{PACKAGE.name}.settings")
    import django
    from django.apps import apps

    django.setup()
    return {app.label for app in apps.get_app_configs()}


def api_classes() -> list[type]:
    """Return classes with names that are not the resource's, such as `order_by`."""
    from django.contrib.admin import ModelAdmin
    from django.core.paginator import Page, Paginator
    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponse
    from django.test import Client
    from django.views.generic import CreateView, DetailView, ListView

    views = [CreateView, DetailView, ListView]
    http = [Client, HttpRequest, HttpResponse]
    return [QuerySet, ModelForm, ModelAdmin, Page, Paginator, *http, *views]


def migrate(new: Names) -> None:
    """Create the migration."""
    run("manage.py", "makemigrations", new.plural)
    run("-m", "ruff", "format", "--quiet", str(PACKAGE / new.plural))
