"""Every router of the API. A router that is not added here answers nobody."""

from .core.api import API
from .items.api import router as items

api = API()
api.add_router("/items", items)
