"""The variable of uploaded files."""

from pydantic import BaseModel, Field


class MediaSettings(BaseModel):
    """The directory of uploaded files. The image sets it."""

    media_root: str | None = Field(default=None, pattern="^/")
