"""The table that both servers of a framework use."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import postgres

ROWS = 1000  # in the table


@dataclass(frozen=True)
class Database:
    """The table that both servers use."""

    server: postgres.Server
    url: str
    table: str

    def query(self, *statements: str) -> str:
        """Runs SQL, each statement in a transaction of its own, and returns what it finds."""
        command: list[str | Path] = [self.server.bin / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        command += ["--tuples-only", "--no-align", *(f"--command={statement}" for statement in statements)]
        return subprocess.run([*command, self.url], check=True, stdout=subprocess.PIPE, text=True).stdout

    def url_of(self, user: str) -> str:
        """The URL for a new user, which identifies a server's connections."""
        self.query(f"DROP ROLE IF EXISTS {user}", f"CREATE ROLE {user} LOGIN SUPERUSER")
        return self.url.replace("postgres@", f"{user}@")

    def connections_of(self, user: str) -> int:
        """How many connections a user has."""
        return int(self.query(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}'"))  # noqa: S608

    def fill(self) -> None:
        """Gives the table its rows."""
        made = "timestamptz '2026-01-01 00:00+00' + n * interval '1 minute'"
        self.query(
            f"INSERT INTO {self.table} (name, description, quantity, created_at, updated_at)"  # noqa: S608
            f" SELECT 'Item ' || n, 'The description of item ' || n, n, {made}, {made}"
            f" FROM generate_series(1, {ROWS}) AS n",
            f"VACUUM ANALYZE {self.table}",
        )

    def reset(self) -> None:
        """Removes the rows that were made under load, so that every round finds the same table."""
        self.query(f"DELETE FROM {self.table} WHERE id > {ROWS}", f"VACUUM ANALYZE {self.table}")  # noqa: S608
