"""The ASGI application, which servers import as ``main:app`` of this package."""

from .core.app import create_app
from .environment import environment
from .routers import routers

app = create_app(environment, routers)
