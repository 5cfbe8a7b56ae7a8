"""Copies of the SQLite file: deploy/compose/ uses them for backups and restores."""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import connection

# `put_back` relies on the order of these steps: each may be interrupted, and then run again.
STEPS = ("backup", "verify", "restore", "exchange", "put_back", "replaced", "clear")


class Command(BaseCommand):
    """Run one step.

    backup: write a copy to stdout; others may write meanwhile. verify: read a copy from stdin.
    restore: the same, and keep it beside the database. exchange: use it; the service must be
    stopped. put_back: undo that. replaced: print the former file, if it is there. clear: delete it.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=STEPS)

    def handle(self, step: str, **_: Any) -> None:
        self.live = Path(connection.settings_dict["NAME"])
        self.restored = beside(self.live, "-restored")
        self.former = beside(self.live, "-replaced")
        try:
            getattr(self, step)()
        except sqlite3.Error as error:
            raise CommandError(str(error)) from error

    def backup(self) -> None:
        copy = beside(self.live, "-backup")
        delete(copy)
        try:
            with (
                closing(sqlite3.connect(f"{self.live.as_uri()}?mode=rw", uri=True)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            inspect(copy)
            with copy.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        finally:
            delete(copy)

    def verify(self) -> None:
        copy = beside(self.live, "-verify")
        try:
            receive(sys.stdin.buffer, copy)
        finally:
            delete(copy)

    def restore(self) -> None:
        receive(sys.stdin.buffer, self.restored)

    def exchange(self) -> None:
        inspect(self.restored)
        beside(self.live, "-shm").unlink(missing_ok=True)
        move(beside(self.live, "-wal"), beside(self.former, "-wal"))
        move(self.live, self.former)
        move(self.restored, self.live)

    def put_back(self) -> None:
        if self.former.exists():
            delete(self.live)
        move(self.former, self.live)
        move(beside(self.former, "-wal"), beside(self.live, "-wal"))
        self.delete_restored()

    def replaced(self) -> None:
        if self.former.exists() or beside(self.former, "-wal").exists():
            self.stdout.write(str(self.former))

    def clear(self) -> None:
        self.delete_restored()
        delete(self.former)

    def delete_restored(self) -> None:
        delete(self.restored)
        beside(self.restored, "-migrate").unlink(missing_ok=True)  # from its migration


def beside(path: Path, ending: str) -> Path:
    """Return the path of a file in the same directory."""
    return path.with_name(path.name + ending)


def move(path: Path, to: Path) -> None:
    """Rename a file, if it exists."""
    if path.exists():
        path.replace(to)


def delete(path: Path) -> None:
    """Delete a database and its log."""
    for ending in ("", "-wal", "-shm"):
        beside(path, ending).unlink(missing_ok=True)


def receive(source: BinaryIO, path: Path) -> None:
    """Write a copy to a file, and verify it."""
    delete(path)
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)
    inspect(path)


def inspect(path: Path) -> None:
    """Raise CommandError unless the file is a sound database of a Django project.

    Its log is written back into the file.
    """
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        [result] = database.execute("PRAGMA integrity_check(1)").fetchone()
        if result != "ok":
            raise CommandError(f"damaged: {result}")
        if database.execute("PRAGMA foreign_key_check").fetchone():
            raise CommandError("damaged: a row refers to one that is missing")
        name = "SELECT 1 FROM sqlite_schema WHERE name = 'django_migrations'"
        if not database.execute(name).fetchone():
            raise CommandError("not a database of this service")
