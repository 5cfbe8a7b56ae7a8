"""Endpoints that clients should stop using (RFC 9745 and RFC 8594).

A router's successful responses have headers that say so; errors such as 404 have none. The schema marks
its endpoints as deprecated:

    router = APIRouter(route_class=deprecated(since=date(2027, 1, 1), sunset=date(2027, 7, 1)))
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


def deprecated(
    *, since: date, sunset: date | None = None, link: str = "", successor: str = ""
) -> type[APIRoute]:
    """Return a class of routes that clients should stop using at `since`, and that end at `sunset`.

    `link` is the URL of a page about it, and `successor` that of the endpoint to use instead.
    """
    headers = {"Deprecation": f"@{_midnight(since).timestamp():.0f}"}
    if sunset:
        headers["Sunset"] = format_datetime(_midnight(sunset), usegmt=True)
    relations = {"deprecation": link, "successor-version": successor}
    links = [f'<{target}>; rel="{name}"' for name, target in relations.items() if target]

    class DeprecatedRoute(APIRoute):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"deprecated": True})

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Add the headers, even to a response object that the endpoint returns."""
            handle = super().get_route_handler()

            async def handle_deprecated(request: Request) -> Response:
                response = await handle(request)
                response.headers.update(headers)
                for link in links:  # beside the endpoint's own
                    response.headers.append("Link", link)
                return response

            return handle_deprecated

    return DeprecatedRoute


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
