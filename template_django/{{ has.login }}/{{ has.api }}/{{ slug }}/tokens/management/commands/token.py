"""Create, list and revoke tokens for programs that use the API: docs/api.md."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError

from ...models import Token
from ...services import create_token


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a token, and print it once")
        create.add_argument("email", help="the user whose permissions the token has")
        create.add_argument("name", help="the program that uses it")
        create.add_argument("--days", type=int, default=90, help="until it expires (default: 90)")
        actions.add_parser("list", help="list all tokens")
        revoke = actions.add_parser("revoke", help="delete a token")
        revoke.add_argument("id", type=int)

    def handle(self, *, action: str, **options: Any) -> None:
        if action == "create":
            self.create(**options)
        elif action == "list":
            for token in Token.objects.select_related("user"):
                used = f"{token.last_used_at:%Y-%m-%d}" if token.last_used_at else "never"
                dates = f"expires {token.expires_at:%Y-%m-%d}, last used {used}"
                self.stdout.write(f"{token.pk} {token.user} {token.name!r}: {dates}")
        elif not Token.objects.filter(pk=options["id"]).delete()[0]:
            raise CommandError("there is no such token")

    def create(self, *, email: str, name: str, days: int, **_: Any) -> None:
        """Print the text of a new token."""
        if not 1 <= days <= 3650:
            raise CommandError("--days must be from 1 to 3650")
        user = get_user_model().objects.filter(email__iexact=email).first()
        if not user:
            raise CommandError("there is no such user")
        try:
            token, text = create_token(user, name, days)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stderr.write(f"Token {token.pk} (shown only once):")
        self.stdout.write(text)
