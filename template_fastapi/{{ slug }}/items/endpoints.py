"""Items over HTTP: each endpoint translates, and leaves the work to the service."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ..core.database import ReadSession, Session
from ..core.pagination import PageQuery
from ..core.schemas import Page
from . import service
from .schemas import ItemCreate, ItemRead, ItemUpdate

router = APIRouter(prefix="/api/items", tags=["items"])

ItemId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("")
async def list_items(session: ReadSession, page: PageQuery) -> Page[ItemRead]:
    """List the items in the order in which they were made."""
    items, total = await service.list_items(session, page)
    return Page[ItemRead].model_validate(
        {"results": items, "total": total, "limit": page.limit, "offset": page.offset}
    )


@router.post("", status_code=201)
async def create_item(values: ItemCreate, session: Session, response: Response) -> ItemRead:
    """Make an item."""
    item = await service.create_item(session, values)
    response.headers["Location"] = router.url_path_for("get_item", item_id=item.id)
    return ItemRead.model_validate(item)


@router.get("/{item_id}")
async def get_item(item_id: ItemId, session: ReadSession) -> ItemRead:
    """Show one item."""
    return ItemRead.model_validate(await service.get_item(session, item_id))


@router.patch("/{item_id}")
async def update_item(item_id: ItemId, changes: ItemUpdate, session: Session) -> ItemRead:
    """Change some fields of an item."""
    return ItemRead.model_validate(await service.update_item(session, item_id, changes))


@router.delete("/{item_id}", status_code=204)
async def delete_item(item_id: ItemId, session: Session) -> None:
    """Remove an item."""
    await service.delete_item(session, item_id)
