# Redis

REDIS_URL = environment.redis_url
READINESS_CHECKS = {"redis": f"{__package__}.redis_client.ping"}
