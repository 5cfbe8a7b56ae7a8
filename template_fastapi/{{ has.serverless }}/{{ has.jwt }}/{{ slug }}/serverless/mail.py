"""Lambda calls `handler` to send an email. The function that answers requests calls `invoke`.

Lambda freezes a process once it has responded, so an email would delay the response, and thereby
show whether an address has an account.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from .. import mail, main

__all__ = ["handler", "invoke", "main"]  # main configures the log


@cache
def client() -> Any:
    """Return AWS's client. All its attempts take less time than a function has."""
    import boto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    config = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 2})
    return boto3.client("lambda", config=config)


async def invoke(url: str, event: Mapping[str, str]) -> None:
    """Pass an event on to the function of an URL such as `lambda:NAME`, and do not wait for it."""

    def call() -> None:
        name, payload = url.partition(":")[2], json.dumps(event)
        client().invoke(FunctionName=name, InvocationType="Event", Payload=payload)

    await asyncio.to_thread(call)


def handler(event: Mapping[str, str], _: object) -> dict[str, str]:
    """Send an email. If that fails, Lambda tries it twice again. An empty event sends nothing."""
    if event and not asyncio.run(mail.send(**event)):
        raise RuntimeError("the email was not sent; the log has the reason")
    return {"status": "ok"}
