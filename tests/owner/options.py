"""What an owner writes with the options of a project, as the pages about them say.

The files are in `django/options/` and `fastapi/options/`. All refer to orders, a resource of the owner's.
"""

import shutil

from tests.owner import HERE, replace
from tests.projects import Project
from tests.recipes import follow


def add_orders(project: Project, framework: str) -> None:
    """Follow the recipes, and add a resource with a foreign key, its own scope or permissions, and its migration."""
    broken: list[str] = []
    if framework == "fastapi" and (project.package / "live").exists():  # in the first versions that have it:
        broken.append("Calls to another service")  # a line does not fit
        broken += [] if (project.package / "mail.py").exists() else ["An email"]  # a type of its test is wrong
    follow(project, without=broken)
    project.poe("format")
    project.poe("migrate")
    if framework == "fastapi" and (project.package / "bookmarks.py").exists():  # the table of a recipe
        project.poe("migrations", "add bookmarks")
    project.poe("resource", "orders", "--belongs-to", "items")
    project.poe("migrate")


def copy(project: Project, framework: str, name: str, place: str) -> None:
    """Copy a file of the owner's into the project."""
    (project.path / place).parent.mkdir(exist_ok=True)
    shutil.copy(HERE / framework / "options" / name, project.path / place)


def add_router(project: Project, module: str) -> None:
    """Let the application have the endpoints of a module."""
    main = project.package / "main.py"
    replace(main, "from .orders import endpoints as orders\n",
            f"from .orders import endpoints as orders\nfrom .{module} import router as {module}\n")  # fmt: skip
    replace(main, "app.include_router(orders.router)\n",
            f"app.include_router(orders.router)\napp.include_router({module})\n")  # fmt: skip


def add_an_admin(project: Project, framework: str) -> None:
    """As docs/admin.md says: a page for orders. The resource of a Django project has one already."""
    copy(project, framework, "order_admin.py", "service/order_admin.py")
    copy(project, framework, "test_order_admin.py", "tests/orders/test_admin.py")
    admin = project.package / "admin.py"
    replace(admin, "from .items.schemas import", "from .order_admin import OrderView\nfrom .items.schemas import")
    replace(admin, "AccountView]", "AccountView, OrderView]")


def add_events(project: Project, framework: str) -> None:
    """As docs/live.md says under "Your own topics"."""
    copy(project, framework, "order_events.py", "service/order_events.py")
    copy(project, framework, "test_order_events.py", "tests/orders/test_events.py")
    add_router(project, "order_events")


def add_sockets(project: Project, framework: str) -> None:
    """The same with a WebSocket."""
    copy(project, framework, "order_sockets.py", "service/order_sockets.py")
    copy(project, framework, "test_order_sockets.py", "tests/test_order_sockets.py")
    add_router(project, "order_sockets")


def add_jobs(project: Project, framework: str) -> None:
    """As docs/jobs.md says under "Add a job"."""
    copy(project, framework, "order_jobs.py", "service/order_jobs.py")
    copy(project, framework, "test_order_jobs.py", "tests/test_order_jobs.py")
    add_router(project, "order_jobs")
    schedule = project.package / "schedule.py"
    replace(schedule, "from .background import jobs, queue\n",
            "from . import order_jobs\nfrom .background import jobs, queue\n")  # fmt: skip
    replace(schedule, "    queue.resend: 5,\n", "    queue.resend: 5,\n    order_jobs.look_around: 60,\n")


def add_jobs_and_sockets(project: Project, framework: str) -> None:
    """As docs/jobs.md and docs/live.md of a Django project say, in the app of orders."""
    for name in ("consumers.py", "jobs.py"):
        copy(project, framework, name, f"service/orders/{name}")
    copy(project, framework, "test_options.py", "tests/orders/test_options.py")
    replace(project.package / "settings.py", 'background.jobs.resend": 60,\n',
            'background.jobs.resend": 60,\n    f"{__package__}.orders.jobs.look_around": 7,\n')  # fmt: skip
    urls = project.package / "item_updates" / "urls.py"
    replace(urls, "from .consumers import ItemListConsumer\n",
            "from ..orders.consumers import OrderListConsumer\nfrom .consumers import ItemListConsumer\n")  # fmt: skip
    replace(urls, "websocket_urlpatterns: list[Any] = [\n",
            'websocket_urlpatterns: list[Any] = [\n    path("live/orders/", OrderListConsumer.as_asgi()),'
            "  # type: ignore[arg-type]\n")  # fmt: skip
