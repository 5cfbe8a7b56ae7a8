"""HTTP endpoints for items; business logic is in service.py."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ..core.database import Session
from ..pagination import PageQuery
from ..schemas import Id, Page
from . import service
from .schemas import ItemCreate, ItemRead, ItemUpdate

router = APIRouter(prefix="/api/items", tags=["items"])

ItemId = Annotated[Id, Path()]


@router.get("")
async def list_items(session: Session, page: PageQuery) -> Page[ItemRead]:
    """List the items, oldest first."""
    items, total = await service.list_items(session, page)
    return Page[ItemRead].model_validate(
        {"results": items, "total": total, "limit": page.limit, "offset": page.offset}
    )


@router.post("", status_code=201)
async def create_item(
    values: ItemCreate, session: Session, request: Request, response: Response
) -> ItemRead:
    """Create an item."""
    item = await service.create_item(session, values)
    response.headers["Location"] = request.url_for("get_item", item_id=item.id).path
    return ItemRead.model_validate(item)


@router.get("/{item_id}")
async def get_item(item_id: ItemId, session: Session) -> ItemRead:
    """Show an item."""
    return ItemRead.model_validate(await service.get_item(session, item_id))


@router.patch("/{item_id}")
async def update_item(item_id: ItemId, changes: ItemUpdate, session: Session) -> ItemRead:
    """Change some fields of an item."""
    return ItemRead.model_validate(await service.update_item(session, item_id, changes))


@router.delete("/{item_id}", status_code=204)
async def delete_item(item_id: ItemId, session: Session) -> None:
    """Delete an item."""
    await service.delete_item(session, item_id)
