"""Notes."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, BigId


class Note(Base):
    """A short text."""

    __tablename__ = "notes"

    id: Mapped[BigId]
    text: Mapped[str] = mapped_column(String(200))
