"""Every router of the API, with one for the conformance suite."""

from fastapi import APIRouter

from .items import endpoints as items
from .probe import endpoints as probe

routers: list[APIRouter] = [
    items.router,
    probe.router,
]
