"""Every page of the admin opens for staff, and only for staff."""

import pytest
from django.contrib import admin
from django.db.models import Model
from django.templatetags.static import static
from django.test import Client
from django.urls import NoReverseMatch, reverse

try:
    INDEX = reverse("admin:index")
except NoReverseMatch:
    pytest.skip("this service has no admin", allow_module_level=True)

models = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address(model: type[Model], page: str, *args: object) -> str:
    """Return the URL of an admin page for a model."""
    options = model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", models, ids=lambda model: model._meta.label)
def test_pages_of_every_model_open(staff: Client, model: type[Model]) -> None:
    assert staff.get(address(model, "changelist")).status_code == 200
    if admin.site.get_model_admin(model).search_fields:
        assert staff.get(address(model, "changelist"), {"q": "x"}).status_code == 200
    assert staff.get(address(model, "add")).status_code in {200, 403}  # 403: nobody may add one
    for row in model._default_manager.all():
        assert staff.get(address(model, "change", row.pk)).status_code == 200


def test_others_are_asked_to_log_in(client: Client) -> None:
    response = client.get(INDEX)
    assert response.status_code == 302
    assert response["Location"] == f"{reverse('admin:login')}?next={INDEX}"


def test_styles_are_served_without_a_web_server(client: Client) -> None:
    response = client.get(static("admin/css/base.css"))
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
    assert b"body" in response.getvalue()
