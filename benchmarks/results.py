"""The figures of each round of load, and their medians."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from benchmarks.servers import Server

# The share of the bare framework's throughput that a project must reach. The row without a database has no goal.
GOALS: dict[str, float | None] = {"json": None, "row": 0.95, "list": 0.95, "create": 0.95}


class Round:
    """The result of one round of load."""

    def __init__(self, cpu: float, found: dict[str, Any]) -> None:
        """`cpu` is what the server had used before; `found` is what wrk said."""
        self.cpu = cpu
        self.requests = int(found["requests"])
        self.rps = self.requests / found["seconds"]
        self.p50_ms = float(found["p50_ms"])
        self.p99_ms = float(found["p99_ms"])
        self.cpu_us = 0.0  # for each request


@dataclass
class Side:
    """One of the two servers of a framework, and what was measured on it."""

    server: Server
    start_up: float
    memory: float = 0
    connections: int = 0
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def end(self, row: str) -> None:
        """Gives each round of a row the CPU time up to the next one: its traces may be exported after it."""
        rounds = self.rounds[row]
        for this, later in zip(rounds, [*(each.cpu for each in rounds[1:]), self.server.cpu], strict=True):
            this.cpu_us = (later - this.cpu) / this.requests * 1e6


def result(framework: str, row: str, bare: Side, full: Side, spans: dict[str, int]) -> dict[str, Any]:
    """The results, as --json writes them."""
    found: dict[str, Any] = {"framework": framework, "row": row}
    pairs = list(zip(bare.rounds[row], full.rounds[row], strict=True))

    def add(name: str, values: list[float], digits: int) -> None:
        found[name] = round(statistics.median(values), digits)
        found[f"{name}_spread"] = [round(min(values), digits), round(max(values), digits)]

    for name, side in (("bare", bare), ("full", full)):
        rounds = side.rounds[row]
        add(name, [each.rps for each in rounds], 1)
        add(f"{name}_cpu_us", [each.cpu_us for each in rounds], 1)
        add(f"{name}_p50_ms", [each.p50_ms for each in rounds], 2)
        add(f"{name}_p99_ms", [each.p99_ms for each in rounds], 2)
        found[f"{name}_memory_mb"] = round(side.memory, 1)
        found[f"{name}_start_s"] = round(side.start_up, 3)
        found[f"{name}_connections"] = side.connections
    add("ratio", [full.rps / bare.rps for bare, full in pairs], 3)
    add("ratio_cpu", [bare.cpu_us / full.cpu_us for bare, full in pairs], 3)
    requests = sum(each.requests for each in full.rounds[row])
    return found | {
        "goal": GOALS[row],
        "rounds": len(pairs),
        "requests": requests,
        "spans": spans["spans"],
        "sampled": round(spans["requests"] / requests, 4),
    }
