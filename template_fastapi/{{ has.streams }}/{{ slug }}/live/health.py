"""The readiness check with Redis: main.py of older projects imports it from here."""

from ..redis_client.health import router

__all__ = ["router"]
