"""Accounts of staff only: https://docs.allauth.org/en/latest/account/advanced.html."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Close the sign-up: administrators add users in the admin."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
