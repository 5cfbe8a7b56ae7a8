"""The API, and all routers that belong to it: https://django-ninja.dev."""

from .core.about import DESCRIPTION, NAME
from .core.api import API
from .environment import environment
from .items.api import router as items

api = API(
    title=NAME,
    description=DESCRIPTION,
    version="0.1.0",
    openapi_url="/openapi.json" if environment.api_docs else None,
    urls_namespace="api",
)
api.add_router("/items", items)
