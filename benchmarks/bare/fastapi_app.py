"""The ceiling for FastAPI: the same endpoints, written as the framework's and SQLAlchemy's documentation show them.

benchmarks/frameworks.py selects variants of it with variables.
"""

import os
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, String, func, make_url, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername=f"postgresql+{os.environ.get('DRIVER', 'psycopg')}"),
    pool_size=int(os.environ["POOL_SIZE"]),
    max_overflow=0,
    **({"isolation_level": "AUTOCOMMIT"} if os.environ.get("AUTOCOMMIT") else {}),
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    description: Mapped[str] = mapped_column(String(1000))
    quantity: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now, onupdate=now)


class ItemCreate(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=1000)
    quantity: int = Field(default=0, ge=0, le=2**31 - 1)


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str
    quantity: int
    created_at: datetime
    updated_at: datetime


class ItemPage(BaseModel):
    results: list[ItemRead]
    total: int
    limit: int
    offset: int
    next: str | None


class Status(BaseModel):
    status: str
    version: int


app = FastAPI()


@app.get("/api/bench/json", response_model=Status)
async def get_json() -> dict[str, object]:
    return {"status": "ok", "version": 1}


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, object]:
    total = await session.scalar(select(func.count()).select_from(Item))
    found = await session.scalars(select(Item).order_by(Item.id).limit(limit + 1).offset(offset))
    items = found.all()
    shown = items[:limit]
    cursor = urlsafe_b64encode(b'["id",%d]' % shown[-1].id).decode().rstrip("=") if len(items) > limit else None
    return {"results": shown, "total": total, "limit": limit, "offset": offset, "next": cursor}


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def get_item(item_id: int, session: Session) -> Item:
    item = await session.get(Item, item_id)
    if item is None:
        raise HTTPException(404)
    return item


@app.post("/api/v1/items", status_code=201, response_model=ItemRead)
async def create_item(values: ItemCreate, session: Session) -> Item:
    item = Item(**values.model_dump())
    session.add(item)
    try:
        await session.commit()
    except IntegrityError:
        raise HTTPException(409) from None
    return item
