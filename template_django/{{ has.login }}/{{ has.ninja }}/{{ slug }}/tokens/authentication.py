"""Log programs in with the header `Authorization: Bearer TOKEN`, instead of a session."""

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer

from .services import find_token


class TokenAuth(HttpBearer):
    """The user of a token, whose requests need no CSRF token."""

    def authenticate(self, request: HttpRequest, token: str) -> AbstractBaseUser:
        found = find_token(token)
        if not found:
            raise AuthenticationError(message="The token is invalid or has expired.")
        request.user = found.user
        return found.user
