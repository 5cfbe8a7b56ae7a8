"""Metrics of suppliers. Their names come from QUOTE_SUPPLIERS."""

from prometheus_client import Counter, Gauge, Histogram

QUOTES = Counter("quotes", "Quotes that suppliers were asked for.", ["supplier", "outcome"])
SECONDS = Histogram(
    "quote_seconds",
    "Seconds until a supplier answered, failed or was late.",
    ["supplier"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
OPEN = Gauge(
    "quote_circuits_open",
    "Processes that do not ask a supplier, because it did not answer.",
    ["supplier"],
    multiprocess_mode="livesum",
)
