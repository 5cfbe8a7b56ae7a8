"""API operations that require a login: without one, they return 401."""

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.security import django_auth

from ..tokens.authentication import TokenAuth

router = Router(tags=["account"], auth=[TokenAuth(), django_auth])


class Me(Schema):
    """The user who is logged in."""

    email: str
    first_name: str
    last_name: str


@router.get("", response=Me)
def show_me(request: HttpRequest) -> object:
    """Show who is logged in."""
    return request.user
