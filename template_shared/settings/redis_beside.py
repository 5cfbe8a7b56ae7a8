# The default cache stays in the database: it counts attempts to log in, also while Redis is down.
CACHES["redis"] = REDIS_CACHE
