"""Measures the model of FastAPI, `ml_serving: true`, in two parts.

batches   64 connections ask for predictions, one after the other each: with batches of up to 32 requests, and with each
          request alone. The models are the example, which takes microseconds, and one with eight layers of 4,096
          neurons.
load      A number of requests a second arrives at the larger model, whether or not earlier ones are answered: from a
          fraction of what it can answer to a multiple. Measured are the answers, what is refused, the time from when a
          request should have been sent, and how long /health/live takes meanwhile, which is asked 20 times a second.

A project is rendered from the working tree, and runs as in production, with one worker, on one core; the clients are on
another core. Clients do not wait for Retry-After. There is no proxy.

It takes about two minutes. Needs Linux with two cores.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, options, say  # noqa: E402
from benchmarks.run import choose_cores, processor  # noqa: E402
from benchmarks.servers import Server  # noqa: E402
from tests import postgres  # noqa: E402

SECONDS = 5
CONNECTIONS = 64  # when batches are compared
MOST = 512  # connections that are open at once when a load arrives
WARM_UP = 0.5  # seconds
BATCHES = (1, 32)
NEURONS, LAYERS = 4096, 8  # the layers have the same weights, so the file has 67 MB
MODELS = {"the example": "1", f"{LAYERS} layers of {NEURONS:,} neurons": "large"}
LOADS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3)  # of the capacity
FLOWER = json.dumps({"sepal_length": 6.1, "sepal_width": 2.8, "petal_length": 4.7, "petal_width": 1.2})
PREDICT = (
    "POST /api/v1/iris/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(FLOWER)}\r\n\r\n{FLOWER}"
).encode()
HEALTH = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BUILD = f"""
import json
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from service.iris.service import DIRECTORY, FEATURES

random = np.random.default_rng(0)
weights = {{"first": (len(FEATURES), {NEURONS}), "middle": ({NEURONS}, {NEURONS}), "last": ({NEURONS}, 3)}}
arrays = {{name: random.normal(0, shape[0] ** -0.5, shape).astype(np.float32) for name, shape in weights.items()}}
nodes, given = [], "given"
for number, name in enumerate(["first", *["middle"] * {LAYERS}, "last"]):
    last = name == "last"
    nodes.append(helper.make_node("MatMul", [given, name], [f"sum{{number}}"]))
    given = "probabilities" if last else f"layer{{number}}"
    nodes.append(helper.make_node("Softmax" if last else "Relu", [f"sum{{number}}"], [given]))
ends = [
    helper.make_tensor_value_info("given", TensorProto.FLOAT, [None, len(FEATURES)]),
    helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
]
constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
described = {{"classes": ["setosa", "versicolor", "virginica"], "ranges": {{name: [0, 9] for name in FEATURES}}}}
helper.set_model_props(model, {{name: json.dumps(value) for name, value in described.items()}})
(DIRECTORY / "large.onnx").write_bytes(model.SerializeToString())
"""


@dataclass
class Answers:
    """Seconds that each answer took, by status."""

    by_status: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        self.by_status.setdefault(status, []).append(seconds)

    def number(self, *statuses: int) -> int:
        return sum(len(self.by_status.get(status, ())) for status in statuses)


def main() -> int:
    """Measures, and prints the results as Markdown; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.seconds <= 0:
        parser.error("--seconds must be above 0")
    try:
        batches, loads = measure(arguments.seconds, choose_cores())
    except FailedError as error:
        print(f"benchmarks/models.py: {error}", file=sys.stderr)
        return 1
    print("\n".join(tables(batches, loads)))
    return 0


def measure(seconds: float, core: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The figures of both parts."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    row = options.nearest("fastapi", "ml_serving", True) | {"auth": "none"}
    with tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name, postgres.start() as database:
        os.environ["GROUNDPLAN_SHARED"] = str(Path(name) / "shared")
        say("setting up")
        project = options.render(row, Path(name) / "service")
        with options.prepared(project, row, database, core) as candidate:
            candidate.subject.python("-c", BUILD, **candidate.variables)
            batches: list[dict[str, Any]] = []
            for (model, version), size in itertools.product(MODELS.items(), BATCHES):
                say(f"{model}, {size} in a batch")
                candidate.variables |= {"MODEL_TRAFFIC": f"{version}=1", "MODEL_BATCH_SIZE": str(size)}
                candidate.variables["MODEL_TIMEOUT"] = "20"  # no request is refused
                with candidate.started(core) as server:
                    batches.append({"model": model, "size": size, **of_batches(server, seconds)})
            capacity: float = batches[-1]["answered"]
            del candidate.variables["MODEL_TIMEOUT"]
            loads = []
            for load in LOADS:
                say(f"{load:.0%} of {capacity:.0f} requests a second")
                with candidate.started(core) as server:
                    loads.append({"load": load} | of_load(server, load * capacity, seconds))
            return batches, loads


def of_batches(server: Server, seconds: float) -> dict[str, float]:
    """Measure a server whose clients wait for their answers."""
    asyncio.run(ask(server.port, itertools.repeat(0.0), WARM_UP, CONNECTIONS))
    before = server.cpu
    answers, _ = asyncio.run(ask(server.port, itertools.repeat(0.0), seconds, CONNECTIONS))
    number = answers.number(200)
    if not number or answers.by_status.keys() != {200}:
        raise FailedError(f"Not all answers are predictions: {sorted(answers.by_status)}.")
    return {
        "answered": number / seconds,
        "cpu_us": (server.cpu - before) / number * 1e6,
        "p99_ms": percentile(answers.by_status[200], 99) * 1000,
    }


def of_load(server: Server, rate: float, seconds: float) -> dict[str, float]:
    """Measure a server whose requests arrive at a rate."""
    asyncio.run(ask(server.port, itertools.repeat(0.0), WARM_UP, 8))
    answers, health = asyncio.run(ask(server.port, itertools.count(0, 1 / rate), seconds, MOST))
    answered = answers.by_status.get(200, [0.0])
    if strange := answers.by_status.keys() - {200, 503}:
        raise FailedError(f"There are answers with {sorted(strange)}.")
    return {
        "sent": answers.number(200, 503) / seconds,
        "answered": answers.number(200) / seconds,
        "refused": answers.number(503) / max(1, answers.number(200, 503)),
        "p50_ms": percentile(answered, 50) * 1000,
        "p99_ms": percentile(answered, 99) * 1000,
        "health_p99_ms": percentile(health, 99) * 1000,
        "health_ms": max(health) * 1000,
    }


async def ask(port: int, moments: Iterable[float], seconds: float, connections: int) -> tuple[Answers, list[float]]:
    """Asks for predictions at moments after the start, which are due if they are past, and for /health/live."""
    answers, health, start, schedule = Answers(), list[float](), time.perf_counter(), iter(moments)

    async def predict() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (due := next(schedule)) < seconds and (now := time.perf_counter() - start) < seconds:
            await asyncio.sleep(max(0, due - now))
            since = start + due if due else time.perf_counter()
            answers.add(await answer(reader, writer, PREDICT), time.perf_counter() - since)
        writer.close()

    async def look() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - start < seconds:
            since = time.perf_counter()
            await answer(reader, writer, HEALTH)
            health.append(time.perf_counter() - since)
            await asyncio.sleep(0.05)
        writer.close()

    await asyncio.gather(look(), *(predict() for _ in range(connections)))
    return answers, health


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Sends a request and returns the status of the response, which is read to its end."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def tables(batches: list[dict[str, Any]], loads: list[dict[str, Any]]) -> Iterator[str]:
    """The results as Markdown."""
    yield "| model | requests in a batch | answered | CPU time of a request | p99 |"
    yield "| --- | --- | --- | --- | --- |"
    for each in batches:
        size = "1" if each["size"] == 1 else f"up to {each['size']}"
        yield (
            f"| {each['model']} | {size} | {each['answered']:,.0f} a second | {each['cpu_us']:,.0f} µs |"
            f" {each['p99_ms']:,.0f} ms |"
        )
    yield ""
    yield "| load | sent | answered | refused | p50 | p99 | `/health/live`, p99 | slowest |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for each in loads:
        yield (
            f"| {each['load']:.0%} | {each['sent']:,.0f} a second | {each['answered']:,.0f} a second |"
            f" {each['refused']:.0%} | {each['p50_ms']:,.0f} ms | {each['p99_ms']:,.0f} ms |"
            f" {each['health_p99_ms']:,.0f} ms | {each['health_ms']:,.0f} ms |"
        )
    yield ""
    yield f"One worker on one core of {processor()}, {time.strftime('%Y-%m-%d', time.gmtime())}."


if __name__ == "__main__":
    sys.exit(main())
