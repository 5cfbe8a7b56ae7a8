"""Django's backend for PostgreSQL, which fails at once while the server is down.

https://docs.djangoproject.com/en/6.1/ref/databases/#subclassing-the-built-in-database-backends
"""

from time import monotonic
from typing import Any, ClassVar

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

PAUSE = 1  # seconds between two attempts


class DatabaseWrapper(base.DatabaseWrapper):
    """If the pool has no connection in time, only one request at a time waits for the next one.

    Otherwise requests that wait would occupy all threads of the server.
    """

    retry_at: ClassVar[dict[str, float]] = {}  # by alias, while the server is down

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Get a connection from the pool."""
        if (at := self.retry_at.get(self.alias)) is not None:
            if monotonic() < at:
                raise OperationalError("the server did not respond a moment ago")
            self._wait(PAUSE + self.settings_dict["OPTIONS"]["pool"]["timeout"])
        try:
            connection = super().get_new_connection(conn_params)
        except PoolTimeout:
            self._wait(PAUSE)
            raise
        self.retry_at.pop(self.alias, None)
        return connection

    def _wait(self, seconds: float) -> None:
        self.retry_at[self.alias] = monotonic() + seconds
