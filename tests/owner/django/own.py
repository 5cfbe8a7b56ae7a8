"""What an owner adds to a Django project, as Django's and Django Ninja's documentation describe it."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csp import csp_override
from ninja import Router
from ninja.security import django_auth


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>A page")


@xframe_options_exempt
def framed(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>In a frame of anybody's")


@csp_override({"default-src": [CSP.SELF], "img-src": ["https://images.example"]})
def pictures(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>Pictures")


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("boom of a page")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("<p>An own page", status=404)


urlpatterns = [
    path("own/page", page),
    path("own/framed", framed),
    path("own/pictures", pictures),
    path("own/boom", boom),
]

router = Router(auth=django_auth)


@router.get("/private")
def private(request: HttpRequest) -> str:
    return request.user.get_username()


@router.api_operation(["GET", "HEAD"], "/ping", auth=None)
def ping(request: HttpRequest) -> str:
    return "pong"


@router.get("/boom", auth=None)
def api_boom(request: HttpRequest) -> None:
    raise RuntimeError("boom of the api")
