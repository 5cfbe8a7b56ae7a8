"""Twenty peers asked in other ways than the example `quotes` asks them: see benchmarks/peers.py."""

import asyncio
from concurrent.futures import ThreadPoolExecutor, wait

import httpx2
from fastapi import APIRouter, Request

from .environment import environment
from .quotes.schemas import Offer, QuoteRead, QuotesRead
from .quotes.settings import suppliers_of

router = APIRouter()

URLS = suppliers_of(environment.quote_suppliers)
TIMEOUT = environment.quote_timeout
REQUESTS = 40  # plain `def` endpoints that Starlette runs at once
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
clients = {name: httpx2.Client(timeout=TIMEOUT, limits=LIMITS) for name in URLS}
async_clients = {name: httpx2.AsyncClient(timeout=TIMEOUT, limits=LIMITS) for name in URLS}
threads = ThreadPoolExecutor(REQUESTS * 20)  # as many as the requests can use: none waits for another


def quote(name: str, product: str) -> QuoteRead:
    response = clients[name].get(URLS[name], params={"product": product})
    response.raise_for_status()
    offer = Offer.model_validate_json(response.content)
    return QuoteRead(supplier=name, outcome="answered", offer=offer)


@router.get("/threads")
def in_threads(product: str) -> QuotesRead:
    """A thread for each call. One that is late goes on until its own timeout."""
    asked = {threads.submit(quote, name, product): name for name in URLS}
    done, late = wait(asked, timeout=TIMEOUT)
    answered = [future.result() for future in done if not future.exception()]
    failed = [QuoteRead(supplier=asked[each], outcome="failed") for each in done if each.exception()]
    missing = [QuoteRead(supplier=asked[each], outcome="late") for each in late]
    return QuotesRead(product=product, quotes=[*answered, *failed, *missing])


async def async_quote(name: str, product: str) -> QuoteRead:
    try:
        async with asyncio.timeout(TIMEOUT):
            response = await async_clients[name].get(URLS[name], params={"product": product})
            response.raise_for_status()
    except TimeoutError:
        return QuoteRead(supplier=name, outcome="late")
    except httpx2.HTTPError:
        return QuoteRead(supplier=name, outcome="failed")
    offer = Offer.model_validate_json(response.content)
    return QuoteRead(supplier=name, outcome="answered", offer=offer)


@router.get("/plain")
async def plainly(product: str, _: Request) -> QuotesRead:
    """Async calls and nothing else: no slots, retries, circuit breakers, metrics or spans."""
    quotes = await asyncio.gather(*(async_quote(name, product) for name in URLS))
    return QuotesRead(product=product, quotes=list(quotes))
