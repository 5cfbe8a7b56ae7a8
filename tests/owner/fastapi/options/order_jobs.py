"""A job of the owner's, as the page about jobs of that version says."""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .accounts.dependencies import CurrentUser, requires
from .background.dependencies import Start
from .background.jobs import job
from .items.models import Item

router = APIRouter(prefix="/api/v1/stock", tags=["stock"])
CALLS: list[str] = []


@job("Double the stock")
async def double(session: AsyncSession, item_id: int) -> str:
    item = await session.get_one(Item, item_id, with_for_update=True)
    item.quantity *= 2
    return f"{item.id},{item.quantity}\r\n"


@router.post("/double", status_code=202, dependencies=[requires("items:write")])
async def start_double(ids: list[int], start: Start, user: CurrentUser) -> str:
    """Start the job, and return its id."""
    started = await start(double, ids, str(user.id))
    return str(started.id)


async def look_around(engine: AsyncEngine) -> None:
    """Do something regularly."""
    CALLS.append(engine.dialect.name)
