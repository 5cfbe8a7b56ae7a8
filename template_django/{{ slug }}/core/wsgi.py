"""The WSGI application, which servers import."""

import os
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from . import database, metrics, tracing

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__name__.partition('.')[0]}.settings")

django = get_wsgi_application()
# All of the code, which Django would load with the first request: what cannot be loaded must not start.
_ = get_resolver().url_patterns

# In the process that serves, and in no other.
tracing.configure(__name__.partition(".")[0])
database.trace_queries()
metrics.start(database.pool)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> HttpResponseBase:
    """Answer a request."""
    # Django takes a body whose size is not announced for none. Where the server knows its end, read
    # all of it first, which tells the size: uploaded files do not end at the limit for other bodies.
    if "HTTP_TRANSFER_ENCODING" not in environ or not environ.get("wsgi.input_terminated"):
        return django(environ, start_response)
    with SpooledTemporaryFile(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) as body:
        if copy(environ["wsgi.input"], body, settings.CHUNKED_BODY_MAX_SIZE):
            environ["CONTENT_LENGTH"] = str(body.tell())
            body.seek(0)
            environ["wsgi.input"] = body
        else:
            environ["wsgi.input"] = BytesIO()
            environ["body_is_too_large"] = True  # for the middleware, which knows how to say so
        return django(environ, start_response)


def copy(source: "InputStream", target: IO[bytes], limit: int) -> bool:
    """Copy what `source` holds, unless that is more than `limit` bytes; tell whether it was not."""
    while chunk := source.read(64 * 1024):
        if target.tell() + len(chunk) > limit:
            return False
        target.write(chunk)
    return True
