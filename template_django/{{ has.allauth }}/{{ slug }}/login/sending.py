"""Views that send an email."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import structlog
from allauth.account.views import SignupView
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

type View = Callable[..., HttpResponseBase]

log = structlog.get_logger(__name__)


def sending(view: View) -> View:
    """Show a page that says so if a view cannot send its email."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except OSError as error:  # its message can contain the address
            log.error("email not sent", error=type(error).__name__)
            return render(request, "login/not_sent.html", status=503)

    return wrapped


class SignUpView(SignupView):  # type: ignore[misc]
    """Sign-up, which saves nothing if the email cannot be sent, and ignores a second click."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Redirect a second click on "Sign Up" to the page that asks for the code.

        Allauth refuses a second email to an address within ten seconds. If the browser has not yet
        received the session of the first click, that page redirects to the login, which sends
        another code.
        """
        # Not around the whole view: sign-ups of other users with the same IP address would wait.
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
        if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            return response
        self.request.session.modified = False  # otherwise it would replace the one with the code
        messages.info(self.request, "Check your email. Wait a while before you try again.")
        return redirect("account_email_verification_sent")
