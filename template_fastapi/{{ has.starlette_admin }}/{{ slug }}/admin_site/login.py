"""Login with the service's accounts: https://jowilf.github.io/starlette-admin/user-guide/authentication/."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.auth import AdminUser, AuthProvider, LoginFailed

from ..accounts import limits, service
from ..accounts.endpoints import client_of
from . import sessions

REFUSAL = "The email address or the password is wrong, or the account is not an administrator."
logger = structlog.get_logger(__name__)


class Accounts(AuthProvider):
    """Only accounts with the scope "admin" may log in, within the API's limits on guessing."""

    async def login(
        self, username: str, password: str, remember_me: bool, request: Request
    ) -> None:
        session, client = request.state.session, client_of(request)
        email = username.strip().lower()
        try:
            if not email or "\0" in email or len(email) > 254 or len(password) > 128:
                raise service.GrantError
            account = await service.authenticate(session, email, password, client=client)
        except limits.TooManyAttemptsError as error:
            logger.warning("admin login refused", client=client)
            request.state.headers = error.headers  # starlette-admin's error page has none
            raise HTTPException(429, str(error)) from error
        except service.GrantError as error:
            logger.warning("admin login failed", client=client)
            raise LoginFailed(REFUSAL) from error
        if sessions.SCOPE not in account.scopes.split():
            logger.warning("admin login failed", client=client, account=account.id)
            raise LoginFailed(REFUSAL)
        user_agent = request.headers.get("user-agent", "")
        request.state.cookie = await sessions.start(session, account, user_agent)
        request.state.changes.append({"event": "admin login", "account": account.id})

    async def logout(self, request: Request) -> None:
        await sessions.end(request.state.session, request.state.administrator)
        request.state.cookie = ""

    async def authenticate(self, request: Request) -> AdminUser | None:
        """Return the administrator who sends the request, or None."""
        cookie = request.cookies.get(sessions.COOKIE, "")
        administrator = await sessions.find(request.state.session, cookie)
        request.state.administrator = administrator
        return AdminUser(administrator.email) if administrator else None
