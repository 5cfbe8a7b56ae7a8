"""Work on tasks until SIGTERM; then finish the current one."""

from typing import Any

from django.db import connection
from django_tasks_db.management.commands import db_worker

from ...heartbeat import beat


def beat_at_query(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Touch the heartbeat file: an idle worker queries the database each second."""
    result = execute(sql, params, many, context)
    beat()
    return result


class Command(db_worker.Command):
    help = __doc__

    def handle(self, **options: Any) -> None:
        with connection.execute_wrapper(beat_at_query):
            super().handle(**options)
