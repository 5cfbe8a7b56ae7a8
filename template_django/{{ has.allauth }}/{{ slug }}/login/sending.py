"""Views that send an email."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import structlog
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render

type View = Callable[..., HttpResponseBase]

log = structlog.get_logger(__name__)


def sending(view: View) -> View:
    """Undo what a view has saved if its email cannot be sent, and show a page that says so."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except OSError as error:  # its message can contain the address
            log.error("email not sent", error=type(error).__name__)
            return render(request, "login/not_sent.html", status=503)

    return wrapped


def once(view: View) -> View:
    """Redirect a second click on "Sign Up" to the page that asks for the code.

    Allauth refuses a second email to an address within ten seconds. If the browser has not yet
    received the session of the first click, that page redirects to the login, which sends another
    code.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code != HTTPStatus.TOO_MANY_REQUESTS or request.method != "POST":
            return response
        request.session.modified = False  # otherwise it would replace the one with the code
        messages.info(request, "Check your email. Wait a while before you try again.")
        return redirect("account_email_verification_sent")

    return wrapped
