from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A user.

    Currently the same as Django's user; defined here because replacing Django's user model later is
    hard, whereas fields can be added to this model at any time.
    """
