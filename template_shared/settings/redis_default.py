CACHES = {"default": REDIS_CACHE, "redis": REDIS_CACHE}
