"""An owner's addition to the rendered project: an endpoint without a database."""

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter(prefix="/api/bench", tags=["bench"])


class Status(BaseModel):
    """The endpoint's response."""

    status: str
    version: int


@router.get("/json")
async def get_json() -> Status:
    """Answer without asking anybody."""
    return Status(status="ok", version=1)
