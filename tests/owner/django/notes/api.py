"""Notes over HTTP."""

import humanize
from django.http import HttpRequest
from ninja import Router, Schema, Status

from ..environment import environment
from .models import Note

router = Router(tags=["notes"])


class NoteIn(Schema):
    """A new note."""

    text: str


@router.post("", response={201: dict[str, str]})
def create_note(request: HttpRequest, values: NoteIn) -> Status[dict[str, str]]:
    """Create a note and return a greeting."""
    note = Note.objects.create(text=values.text)
    return Status(201, {"note": f"{environment.greeting}, this is the {humanize.ordinal(note.pk)}"})
