"""Notes over HTTP."""

import humanize
from fastapi import APIRouter
from pydantic import BaseModel

from ..core.database import Session
from ..environment import environment
from .models import Note

router = APIRouter(prefix="/api/notes", tags=["notes"])


class NoteIn(BaseModel):
    """A new note."""

    text: str


@router.post("", status_code=201)
async def create_note(values: NoteIn, session: Session) -> dict[str, str]:
    """Create a note and return a greeting."""
    note = Note(text=values.text)
    session.add(note)
    await session.flush()
    return {"note": f"{environment.greeting}, this is the {humanize.ordinal(note.id)}"}
