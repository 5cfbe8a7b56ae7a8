"""Metrics of live updates."""

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("live_connections", "Open connections.", multiprocess_mode="livesum")
MAX_CONNECTIONS = Gauge(
    "live_connections_max", "Connections that a process accepts.", multiprocess_mode="livesum"
)
CLOSED = Counter("live_connections_closed_total", "Connections that have ended.", ["reason"])
LOST = Counter("live_updates_lost_total", "Changes that were not announced to pages.")
