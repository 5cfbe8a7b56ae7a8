"""Metrics of models."""

from prometheus_client import Counter, Gauge, Histogram

LABELS = ["model", "version"]
OUTCOMES = ("ok", "full", "late", "failed")
REQUESTS = Counter("model_requests", "Requests to a model.", [*LABELS, "outcome"])
WAITING = Gauge("model_queue", "Requests that are waiting.", LABELS, multiprocess_mode="livesum")
BATCH_SIZE = Histogram(
    "model_batch_size", "Requests in a batch.", LABELS, buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
BATCH_SECONDS = Histogram("model_batch_seconds", "Seconds that a batch takes.", LABELS)
UNUSUAL = Counter(
    "model_unusual_inputs",
    "Values outside the range that contains 98% of the training data.",
    [*LABELS, "feature"],
)
