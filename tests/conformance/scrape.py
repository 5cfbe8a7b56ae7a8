"""Samples from /metrics."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.subject import Subject, eventually

REQUESTS = "http_server_request_duration_seconds_count"


@dataclass(frozen=True)
class Metrics:
    """One scrape: all samples by name and labels."""

    text: str
    types: dict[str, str]
    samples: list[tuple[str, dict[str, str], float]]

    def has(self, name: str) -> bool:
        """Whether there is a sample with that name."""
        return any(name == sample for sample, _, _ in self.samples)

    def sum(self, name: str, **labels: str) -> float:
        """The sum of all samples with that name that have at least those labels."""
        return sum(value for sample, found, value in self.samples if sample == name and labels.items() <= found.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of all samples with that name."""
        return [found for sample, found, _ in self.samples if sample == name]


def scrape(subject: Subject) -> Metrics:
    """Parse the text like Prometheus."""
    answer = subject.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    families = list(text_string_to_metric_families(text))
    return Metrics(
        text=text,
        types={family.name: family.type for family in families},
        samples=[(sample.name, sample.labels, sample.value) for family in families for sample in family.samples],
    )


def scraped_once(subject: Subject, condition: Callable[[Metrics], bool]) -> Metrics:
    """Return the first scrape that meets a condition: metrics are recorded shortly after the response."""

    def attempt() -> Metrics | None:
        metrics = scrape(subject)
        return metrics if condition(metrics) else None

    found: Metrics | None = eventually(attempt)
    assert found, scrape(subject).text
    return found
