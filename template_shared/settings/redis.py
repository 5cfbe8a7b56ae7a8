# Redis, and the cache in it: docs/cache.md

REDIS_URL = environment.redis_url
READINESS_CHECKS = {"redis": f"{__package__}.redis_client.ping"}
REDIS_CACHE: dict[str, object] = {
    "BACKEND": f"{__package__}.redis_client.caching.Cache",
    "LOCATION": environment.cache_url,
    "OPTIONS": {"socket_connect_timeout": 0.25, "socket_timeout": 0.25},  # seconds
}
if not REDIS_URL:
    REDIS_CACHE = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}

# Sessions are in the database, and are read from the cache.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "redis"
