# API: addresses of clients, for a limit of callers that are not logged in

NINJA_NUM_PROXIES = 1 if IN_PRODUCTION else 0
