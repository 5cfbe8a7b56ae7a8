"""Every router of the API, with one for the conformance suite."""

from .core.api import API
from .items.api import router as items
from .probe.api import router as probe

api = API()
api.add_router("/items", items)
api.add_router("/probe", probe)
