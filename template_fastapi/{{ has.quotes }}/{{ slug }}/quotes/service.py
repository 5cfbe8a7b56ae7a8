"""Asks all suppliers at once, and keeps what arrives in time. Independent of HTTP requests."""

import asyncio
import random
import ssl
from time import perf_counter
from typing import get_args

import httpx2
import structlog
from interlock import CircuitBreaker, CircuitOpenError, Config, State
from opentelemetry import trace
from pydantic import ValidationError

from .. import http
from ..core.problems import ServiceError
from . import metrics
from .schemas import Offer, Outcome, QuoteRead
from .settings import QuoteSettings, suppliers_of

MAX_SIZE = 10_000  # bytes of an answer
PAUSE = 0.1  # seconds before a call is repeated, at most
SHARE = 0.9  # of QUOTE_TIMEOUT, for a call; it may wait for the rest until it is made
# After five calls in a row without an answer, this process does not ask for 30 seconds, and then once.
CIRCUIT = Config(
    window_size=5,
    minimum_number_of_calls=5,
    failure_rate_threshold=1,
    wait_duration_in_open=30,
    permitted_calls_in_half_open=1,
)
tracer = trace.get_tracer(__name__)
logger = structlog.get_logger(__name__)


class UnavailableError(ServiceError):
    """No supplier has answered."""

    status = 503


class BadAnswerError(Exception):
    """The answer is not a valid offer. The text may be logged: it contains no URL and no body."""


class TemporaryError(BadAnswerError):
    """The supplier answered with 5xx, so another attempt may succeed."""


class Supplier:
    """A supplier has its own connections and limits, so a slow one does not hold up the others."""

    def __init__(
        self, name: str, url: str, calls: int, timeout: float, verify: ssl.SSLContext
    ) -> None:
        self.name, self.url, self.timeout = name, url, SHARE * timeout
        self.slots = asyncio.Semaphore(calls)
        # `slots` limits the calls, with a deadline. Answers are small, so none is compressed.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
        headers = {"Accept-Encoding": "identity"}
        self.client = http.create_client(
            limits=limits, headers=headers, timeout=timeout, verify=verify
        )
        self.circuit = CircuitBreaker(name=name, config=CIRCUIT)
        for outcome in get_args(Outcome):
            metrics.QUOTES.labels(name, outcome)  # so that it starts at 0

    async def quote(self, product: str, deadline: float) -> QuoteRead:
        """Ask for a product. The deadline is a time of the event loop's clock."""
        outcome: Outcome = "failed"
        offer, start = None, perf_counter()
        try:
            async with asyncio.timeout_at(deadline), self.slots:
                offer = await self._call(product)
            outcome = "answered"
        except TimeoutError:
            outcome = "late"
        except CircuitOpenError:
            outcome = "skipped"
        except (BadAnswerError, httpx2.TransportError) as error:
            logger.warning("supplier failed", supplier=self.name, error=repr(error))
        metrics.QUOTES.labels(self.name, outcome).inc()
        metrics.SECONDS.labels(self.name).observe(perf_counter() - start)
        metrics.OPEN.labels(self.name).set(self.circuit.state is not State.CLOSED)
        return QuoteRead(supplier=self.name, outcome=outcome, offer=offer)

    async def _call(self, product: str) -> Offer | None:
        """Call the supplier, and once more if the connection breaks or the response is 5xx."""
        # This timeout is a failure of the supplier. To be cancelled is none: the client has
        # disconnected, or the call had to wait, so that less time is left until the deadline.
        async with self.circuit, asyncio.timeout(self.timeout):
            with tracer.start_as_current_span(f"GET {self.name}", kind=trace.SpanKind.CLIENT):
                try:
                    status, body = await self._get(product)
                except (TemporaryError, httpx2.TransportError):
                    await asyncio.sleep(random.uniform(0, PAUSE))  # noqa: S311
                    status, body = await self._get(product)
        if status == 404:
            return None
        if status != 200:
            raise BadAnswerError(f"status {status}")
        try:
            return Offer.model_validate_json(body)
        except ValidationError as error:
            wrong = {".".join(map(str, each["loc"])) or "body" for each in error.errors()}
            raise BadAnswerError(f"invalid: {', '.join(sorted(wrong))}") from None

    async def _get(self, product: str) -> tuple[int, bytes]:
        """Return the status of the response, and the body if the status is 200."""
        body = b""
        async with self.client.stream("GET", self.url, params={"product": product}) as response:
            if response.status_code >= 500:
                raise TemporaryError(f"status {response.status_code}")
            if response.status_code == 200:
                async for part in response.aiter_raw():
                    body += part
                    if len(body) > MAX_SIZE:
                        raise BadAnswerError(f"more than {MAX_SIZE} bytes")
        return response.status_code, body


class Suppliers:
    """All suppliers."""

    def __init__(self, settings: QuoteSettings) -> None:
        self.timeout = settings.quote_timeout
        verify = httpx2.create_ssl_context()  # takes longer than all the rest
        self.all = [
            Supplier(name, url, settings.quote_calls, self.timeout, verify)
            for name, url in suppliers_of(settings.quote_suppliers).items()
        ]

    async def ask(self, product: str) -> list[QuoteRead]:
        """Ask for a product. Raises UnavailableError if no supplier answers."""
        deadline = asyncio.get_running_loop().time() + self.timeout
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.quote(product, deadline)) for each in self.all]
        quotes = [task.result() for task in tasks]
        if quotes and not any(quote.outcome == "answered" for quote in quotes):
            raise UnavailableError("No supplier has answered.", {"Retry-After": "1"})
        return quotes

    async def close(self) -> None:
        """Close the connections."""
        for each in self.all:
            await each.client.aclose()
