"""Every timeout of the service, in seconds, and how each bounds the others.

Those of the proxy stand in deploy/nginx/, with the same reasons.
"""

# Idle connections stay open for longer than the proxy keeps them (4): the one who sends requests on
# them must be the one to close them.
KEEP_ALIVE = 75

# A request that waits for the database fails while the proxy still waits for its answer:
# POOL_WAIT + CONNECT = 10 < 20.
CONNECT = 5  # to the database
POOL_WAIT = 5  # for a connection that another request has

# Readiness answers before whoever asks gives up: give the probe a timeout above this.
PROBE = 2

# After SIGTERM, a process answers as before, for as long as it may take until nobody sends it
# anything: that is longer than the proxy keeps idle connections (4), or one that failed aside (2).
DRAIN = 5  # in production, unless DRAIN_SECONDS says otherwise
# Then it takes no more connections, and what is running has time to end: as much as the proxy waits
# for an answer (20).
GRACE = 20
# The first part of that: connections on which no request has come yet are closed only then.
LINGER = 2
# At last, the collector gets the traces that it has not got yet.
# DRAIN + GRACE + FLUSH = 28 < 30, which the orchestrator has to wait.
FLUSH = 3

# A migration waits for one that is running: as long as one statement of that may take.
TURN = 15 * 60
