"""The tables of this app."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """Somebody who can log in.

    Django's own user for now. It is a model of this project because exchanging Django's for one
    later is hard, while fields can be added to this one at any time.
    """
