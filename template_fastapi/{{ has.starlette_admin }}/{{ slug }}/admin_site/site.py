"""The admin: starlette-admin with the service's accounts, rules and design of errors."""

import logging
from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI
from jinja2 import DictLoader, Environment, PackageLoader
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import BaseAdmin, BaseModelView, CustomView, route

from ..core.about import NAME
from ..core.errors import exception_handlers
from ..environment import environment
from .guard import Guard, refuse
from .login import Accounts

# They omit a font from another site, and the scripts and fields that this login does not need.
TEMPLATES = Path(__file__).parent / "templates"
HANDLERS = {kind: handler for kind, handler in exception_handlers.items() if kind is not Exception}
# Messages below ERROR may contain the name typed at the login, which may be a password.
logging.getLogger("starlette_admin").setLevel(logging.ERROR)


class Index(CustomView):
    """The first page: the list of the first view."""

    def __init__(self, first: BaseModelView) -> None:
        super().__init__(route_name="index", add_to_menu=False)
        self.first = first

    @route("")
    async def index(self, request: Request) -> Response:
        return RedirectResponse(request.url_for("admin:list", key=self.first.key).path)


def mount(app: FastAPI, views: Iterable[type[BaseModelView]]) -> None:
    """Add the admin to the application, with a page for each view."""
    first, *others = (view() for view in views)
    path = f"/{environment.admin_path.rstrip('/')}"
    admin = BaseAdmin(
        title=NAME,
        base_url=path,
        index_view=Index(first),
        auth_provider=Accounts(),
        secret_key=environment.secret_key,  # for the token against cross-site requests
        templates_dir=str(TEMPLATES),
        additional_loaders=[DictLoader(templates())],
        timezone_config=None,
        middlewares=[Middleware(ExceptionMiddleware, handlers=HANDLERS), Middleware(Guard)],
    )
    admin.add_view(admin.index_view)
    for view in (first, *others):
        admin.add_view(view)

    async def add_slash(request: Request) -> Response:
        refuse(request)
        return RedirectResponse(request.url_for("admin:index").path)

    app.add_route(path, add_slash, include_in_schema=False)
    admin.mount_to(app)
    admin.app.add_exception_handler(Exception, leave_to_service)
    for file in TEMPLATES.iterdir():  # read them now: no request waits for the disk
        admin.templates.env.get_template(file.name)


async def leave_to_service(_: Request, error: Exception) -> Response:
    """Re-raise an error, so that the service's handlers respond, not Starlette's."""
    raise error


def templates() -> dict[str, str]:
    """Return starlette-admin's templates, with the nonce of the response in scripts and styles."""
    loader, found = PackageLoader("starlette_admin"), dict[str, str]()
    for name in loader.list_templates():
        source = loader.get_source(Environment(autoescape=True), name)[0]
        for tag in ("<script", "<style"):
            source = source.replace(tag, f'{tag} nonce="{{{{request.state.nonce}}}}"')
        found |= {name: source, f"@core/{name}": source}
    return found
