"""Errors in the format of OAuth 2: https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from ..core.errors import ProblemResponse
from ..core.problems import field_errors, problem

NO_STORE = {"Cache-Control": "no-store"}


def refusal(error: str, detail: str = "", **more: Any) -> ProblemResponse:
    """Return a problem that OAuth clients understand too."""
    return ProblemResponse(problem(400, detail, **more) | {"error": error}, NO_STORE)


class OAuthRoute(APIRoute):
    """A route whose form is OAuth's: https://fastapi.tiangolo.com/how-to/custom-request-and-route/."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Translate the errors of invalid forms."""
        handle = super().get_route_handler()

        async def handle_form(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                found = error.errors()
                if any(each["type"] == "literal_error" for each in found):
                    return refusal("unsupported_grant_type", "This type of grant is not supported.")
                return refusal("invalid_request", errors=field_errors(found))

        return handle_form
