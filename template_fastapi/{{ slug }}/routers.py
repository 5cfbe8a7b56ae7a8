"""Every router of the API. A router that is not in this list answers nobody."""

from fastapi import APIRouter

from .items import endpoints as items

routers: list[APIRouter] = [
    items.router,
]
