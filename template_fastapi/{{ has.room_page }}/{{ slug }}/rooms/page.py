"""The page of a room, in development: docs/live.md."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from .schemas import RoomName

FILES = Path(__file__).with_name("page")
# Allow only the page's own files and its origin's API. 'self' includes WebSockets of this origin.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)
router.mount("/rooms/page", StaticFiles(directory=FILES))


@router.get("/rooms/{room}")
async def show_room(room: RoomName) -> FileResponse:
    # The page reads the name from its address.
    return FileResponse(FILES / "room.html", headers={"Content-Security-Policy": POLICY})
