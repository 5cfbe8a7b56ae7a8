"""Views that send an email."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

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
