"""Accounts for administrators: `python -m <package>.accounts --help`."""

import argparse
import asyncio
import getpass
import sys
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.database import create_engine
from ..core.problems import ServiceError, field_errors
from ..environment import environment
from ..scopes import SCOPES
from . import service
from .schemas import Email, Password


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="accounts", description="Manage accounts.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("clean", help="delete expired sessions, codes and attempts")
    everybody = commands.add_parser("grant-all", help="grant scopes to all accounts")
    everybody.add_argument("scopes", nargs="+")
    for name, text in (
        ("create", "create an account; asks for its password"),
        ("grant", "grant scopes to an account"),
        ("revoke", "revoke scopes from an account"),
        ("disable", "refuse logins, and end all sessions"),
        ("enable", "accept logins again"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("email")
        if name in {"create", "grant", "revoke"}:
            command.add_argument("scopes", nargs="*" if name == "create" else "+")
    return parser.parse_args(arguments)


def ask_password() -> str:
    """Ask for a password on the terminal, or read it from a pipe."""
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def checked(name: str, kind: Any, value: str) -> str:
    """Return a value as the API would accept it."""
    try:
        return str(TypeAdapter(kind).validate_python(value))
    except ValidationError as error:
        reasons = [each["message"] for each in field_errors(error.errors())]
        raise ServiceError(f"{name}: {', '.join(reasons)}") from error


async def run(session: AsyncSession, given: argparse.Namespace) -> None:
    """Carry out a command."""
    if given.command == "clean":
        await service.clean(session)
        return
    if unknown := set(getattr(given, "scopes", ())) - SCOPES.keys():
        raise ServiceError(f"scopes.py does not list {', '.join(sorted(unknown))}.")
    if given.command == "grant-all":
        await service.grant_to_all(session, given.scopes)
        return
    email = checked("email", Email, given.email)
    if given.command == "create":
        password = checked("password", Password, ask_password())
        await service.create(session, email, password, given.scopes)
        return
    account = await service.find(session, email)
    if account is None:
        raise ServiceError("There is no account with this address.")
    held = set(account.scopes.split())
    if given.command == "grant":
        account.scopes = " ".join(sorted(held | set(given.scopes)))
    elif given.command == "revoke":
        account.scopes = " ".join(sorted(held - set(given.scopes)))
    elif given.command == "disable":
        await service.disable(session, account)
    else:
        account.is_active = True


async def main(arguments: list[str] | None = None) -> None:
    """Carry out the command on the command line, or exit with the reason."""
    given = parse(arguments)
    engine = create_engine(environment.database_url)
    try:
        async with AsyncSession(engine) as session:
            await run(session, given)
            await session.commit()
    except ServiceError as error:
        sys.exit(str(error))
    finally:
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
