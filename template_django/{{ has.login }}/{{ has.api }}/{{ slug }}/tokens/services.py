"""Tokens, independent of HTTP."""

from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from django.db.models import Q
from django.utils import timezone

from .models import Token

PRECISION = timedelta(minutes=1)  # of `last_used_at`: not every request should write


def create_token(user: Any, name: str, days: int) -> tuple[Token, str]:
    """Create a token, and return it with its text, which cannot be shown again."""
    text = token_urlsafe(32)
    expires_at = timezone.now() + timedelta(days=days)
    token = Token(user=user, name=name, digest=_digest(text), expires_at=expires_at)
    token.full_clean()
    token.save()
    return token, text


def find_token(text: str) -> Token | None:
    """Return a token that is valid and whose user is active, and record its use."""
    now = timezone.now()
    valid = Token.objects.filter(expires_at__gt=now, user__is_active=True)
    token = valid.select_related("user").filter(digest=_digest(text)).first()
    if token and (not token.last_used_at or token.last_used_at < now - PRECISION):
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - PRECISION)
        Token.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


def _digest(text: str) -> str:
    # Unlike a password, the text is long and random: a fast digest is enough.
    return sha256(text.encode(errors="replace")).hexdigest()
