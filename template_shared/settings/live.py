# Live updates: docs/live.md, https://channels.readthedocs.io/en/stable/

ASGI_APPLICATION = f"{__package__}.asgi.application"
LIVE_CONNECTIONS = environment.live_connections
LIVE_CONNECTIONS_PER_USER = environment.live_connections_per_user
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        # With its pub/sub layer, connections would not notice that they missed messages.
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": environment.redis_url,
                    "socket_connect_timeout": 2,
                    "socket_timeout": 10,  # longer than the 5 for which it waits for messages
                }
            ],
            "prefix": __package__,
            "capacity": 100,  # messages that wait, for a process or a connection; others are dropped
            "expiry": 60,  # seconds
            "group_expiry": 300,  # seconds; open connections renew their membership
        },
    }
    # Without Redis, one process serves pages and WebSockets: `poe run`.
    if environment.redis_url
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"},
}
LOGGING["loggers"]["uvicorn"] = {"handlers": [], "level": "WARNING", "propagate": True}
