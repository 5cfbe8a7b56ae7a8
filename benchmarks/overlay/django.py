"""An owner's addition to the rendered project: an endpoint without a database."""

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel

router = Router(tags=["bench"])


class Status(BaseModel):
    """The endpoint's response."""

    status: str
    version: int


@router.get("/json", response=Status)
def get_json(request: HttpRequest) -> Status:
    """Answer without asking anybody."""
    return Status(status="ok", version=1)
