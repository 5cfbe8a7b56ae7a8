"""HTTP endpoints for accounts; business logic is in service.py.

`registration` is a router of its own: without it in main.py, only `python -m <package>.accounts`
creates accounts.
"""

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Form, Header, Path, Request, Response

from .. import mail
from ..core.database import Session
from ..schemas import Id
from . import limits, service, tokens
from .dependencies import CurrentUser
from .oauth import NO_STORE, OAuthRoute, refusal
from .schemas import (
    AccountDeletion,
    AccountRead,
    EmailChange,
    EmailConfirmation,
    EmailInput,
    PasswordChange,
    PasswordInput,
    RevocationForm,
    SessionRead,
    TokenForm,
    TokenRead,
)

registration = APIRouter(prefix="/api/accounts", tags=["accounts"])
router = APIRouter(prefix="/api", tags=["accounts"])
oauth = APIRouter(prefix="/token", route_class=OAuthRoute)

UserAgent = Annotated[str, Header(include_in_schema=False)]


def client_of(request: Request) -> str:
    """Return the client's address; behind a proxy, FORWARDED_ALLOW_IPS must include the proxy."""
    return request.client.host if request.client else ""


def send(mail_to_send: service.Mail | None, background: BackgroundTasks) -> None:
    """Send an email after the response, so that its timing reveals nothing about an account."""
    if mail_to_send:
        background.add_task(mail.send, mail_to_send.to, mail_to_send.subject, mail_to_send.text)


@registration.post("", status_code=204)
async def register(
    values: EmailInput, session: Session, request: Request, background: BackgroundTasks
) -> None:
    """Request an account. `PUT /api/accounts/password` creates it, with the code in an email."""
    await limits.count(session, "mail", values.email, client_of(request))
    send(await service.register(session, values.email), background)


@router.post("/accounts/password-reset", status_code=204)
async def reset_password(
    values: EmailInput, session: Session, request: Request, background: BackgroundTasks
) -> None:
    """Request a new password. If the address has an account, a code is sent by email."""
    await limits.count(session, "mail", values.email, client_of(request))
    send(await service.reset_password(session, values.email), background)


@router.put("/accounts/password", status_code=204)
async def set_password(
    values: PasswordInput, session: Session, request: Request, background: BackgroundTasks
) -> None:
    """Set a password with the code from an email. It creates the account, or ends all its sessions."""
    client = client_of(request)
    send(await service.set_password(session, values.code, values.password, client), background)


@oauth.post("", response_model=TokenRead)
async def create_token(
    form: Annotated[TokenForm, Form()],
    session: Session,
    request: Request,
    response: Response,
    user_agent: UserAgent = "",
) -> Any:
    """Log in with an email address and a password, or refresh a token. OAuth 2 defines the form."""
    try:
        if form.grant_type == "refresh_token":
            grant = await service.refresh(session, form.refresh_token)
        else:
            grant = await service.log_in(
                session,
                form.username.strip().lower(),
                form.password,
                scope=form.scope,
                client=client_of(request),
                user_agent=user_agent,
            )
    except service.GrantError as error:
        await session.rollback()
        return refusal("invalid_grant", str(error))
    response.headers.update(NO_STORE)
    return TokenRead(
        access_token=grant.access_token,
        expires_in=int(tokens.LIFETIME.total_seconds()),
        refresh_token=grant.refresh_token,
        scope=" ".join(grant.scopes),
    )


@oauth.post("/revoke")
async def revoke_token(form: Annotated[RevocationForm, Form()], session: Session) -> dict[str, str]:
    """Log out: end the session of a refresh token or an access token."""
    await service.log_out(session, form.token)
    return {}


router.include_router(oauth)


@router.get("/accounts/me")
async def show_account(user: CurrentUser) -> AccountRead:
    """Show the caller's account, and what the token permits."""
    return AccountRead(id=user.id, email=user.email, scopes=sorted(user.scopes))


@router.put("/accounts/me/password", status_code=204)
async def change_password(
    values: PasswordChange,
    user: CurrentUser,
    session: Session,
    request: Request,
    background: BackgroundTasks,
) -> None:
    """Change the caller's password. All other sessions end."""
    proof = await service.confirm(session, user.id, values.current, client_of(request))
    told = await service.change_password(session, proof, values.password, keep=user.session_id)
    send(told, background)


@router.post("/accounts/me/email", status_code=204)
async def change_email(
    values: EmailChange,
    user: CurrentUser,
    session: Session,
    request: Request,
    background: BackgroundTasks,
) -> None:
    """Request a change of email address. A code is sent to the new address."""
    proof = await service.confirm(session, user.id, values.password, client_of(request))
    await limits.count(session, "mail", values.email, client_of(request))
    send(await service.change_email(session, proof, values.email), background)


@router.put("/accounts/me/email", status_code=204)
async def confirm_email(
    values: EmailConfirmation, user: CurrentUser, session: Session, background: BackgroundTasks
) -> None:
    """Change the caller's email address, with the code from the mail to the new one."""
    send(await service.confirm_email(session, user.id, values.code), background)


@router.post("/accounts/me/deletion", status_code=204)
async def delete_account(
    values: AccountDeletion,
    user: CurrentUser,
    session: Session,
    request: Request,
    background: BackgroundTasks,
) -> None:
    """Delete the caller's account, with its sessions."""
    proof = await service.confirm(session, user.id, values.password, client_of(request))
    send(await service.delete_account(session, proof), background)


@router.get("/accounts/me/sessions")
async def list_sessions(user: CurrentUser, session: Session) -> list[SessionRead]:
    """List the caller's sessions, most recently used first."""
    return [
        SessionRead.model_validate(each) for each in await service.list_sessions(session, user.id)
    ]


@router.delete("/accounts/me/sessions", status_code=204)
async def end_sessions(user: CurrentUser, session: Session) -> None:
    """End all sessions of the caller, including this one."""
    await service.end_sessions(session, user.id)


@router.delete("/accounts/me/sessions/{session_id}", status_code=204)
async def end_session(
    session_id: Annotated[Id, Path()], user: CurrentUser, session: Session
) -> None:
    """End a session of the caller."""
    await service.end_session(session, user.id, session_id)
