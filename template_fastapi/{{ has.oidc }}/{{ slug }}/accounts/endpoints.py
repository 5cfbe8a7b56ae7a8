"""HTTP endpoints for callers."""

from fastapi import APIRouter

from .dependencies import CurrentUser
from .schemas import UserRead

router = APIRouter(prefix="/api", tags=["accounts"])


@router.get("/me")
async def show_me(user: CurrentUser) -> UserRead:
    """Show the caller, and what the token permits."""
    return UserRead(id=user.id, scopes=sorted(user.scopes))
